"""Borders drawn twice become one, by hand: what moves, where to, what stays, and what that is said to have moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from shapely import Polygon, box

from geo.algorithms.partition.coverage import is_coverage
from geo.algorithms.partition.overlay import NO_CELL, Faces, SnapParams, overlay_layers
from geo.algorithms.partition.snapping import find_narrow, propose_tolerance
from geo.errors import ParameterError


def array(*shapes: Any) -> Any:
    return np.array(shapes, dtype=object)


def grid(count: int, side: float, dx: float = 0.0, dy: float = 0.0) -> Any:
    low = np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2) * side + [dx, dy]
    return shapely.box(*low.T, *(low + side).T)


def vertices(polygons: Any) -> set[tuple[float, float]]:
    return {tuple(row) for row in shapely.get_coordinates(polygons).round(6).tolist()}


def areas(faces: Faces, layer: int, rows: int) -> Any:
    members = faces.members[:, layer]
    held = members != NO_CELL
    total = np.bincount(members[held], faces.areas_m2[held], rows)
    mine = faces.overlaps[faces.overlaps[:, 1] == layer]
    return total + np.bincount(mine[:, 2], faces.areas_m2[mine[:, 0]], rows)


class TestTwice:
    @pytest.mark.parametrize(("dx", "dy"), [(0.4, 0.0), (0.4, 0.4), (-0.5, 0.3)])
    def test_two_grids_become_one(self, dx: float, dy: float) -> None:
        """Every face belongs to cell k of both, and the vertices are those of the first."""
        first, second = grid(3, 100), grid(3, 100, dx, dy)
        faces = overlay_layers([first, second], SnapParams(1.0))
        assert faces.members.tolist() == faces.members[:, [0, 0]].tolist()
        assert len(faces.polygons) == 9
        assert vertices(faces.polygons) == vertices(first)
        assert faces.areas_m2.tolist() == pytest.approx([10_000] * 9)

    def test_earlier_layer_leads(self) -> None:
        first, second = grid(2, 100), grid(2, 100, 0.4)
        faces = overlay_layers([second, first], SnapParams(1.0))
        assert vertices(faces.polygons) == vertices(second)

    def test_grids_further_apart_than_the_tolerance_stay(self) -> None:
        first, second = grid(2, 100), grid(2, 100, 1.4)
        faces = overlay_layers([first, second], SnapParams(1.0))
        assert vertices(first) | vertices(second) <= vertices(faces.polygons)
        strips = faces.areas_m2[(faces.members == [1, 0]).all(axis=1)]
        assert strips.tolist() == pytest.approx([140])
        assert areas(faces, 1, 4).tolist() == pytest.approx([10_000] * 4)
        assert faces.sweeps.area_m2.sum() < 1e-9

    def test_denser_vertices_follow_the_leading_line(self) -> None:
        """The second office draws the straight side with a vertex every 10 m, 30 cm off to either side."""
        y = np.arange(0, 101, 10.0)
        border = np.column_stack((100 + 0.3 * (-1) ** np.arange(len(y)), y))
        west = Polygon([(0, 0), *border, (0, 100)])
        east = Polygon([(200, 0), (200, 100), *border[::-1]])
        faces = overlay_layers([array(box(0, 0, 100, 100), box(100, 0, 200, 100)), array(west, east)], SnapParams(1.0))
        assert sorted(faces.areas_m2.tolist()) == pytest.approx([10_000, 10_000], abs=0.01)
        inner = [row for row in vertices(faces.polygons) if 50 < row[0] < 150]
        assert np.ptp([x for x, _ in inner]) < 2e-3

    def test_later_line_is_bent_to_leading_vertices(self) -> None:
        """The first border has a bend of 0.6 m at half its length; the straight second one takes it over."""
        first = array(Polygon([(0, 0), (100, 0), (100.6, 50), (100, 100), (0, 100)]))
        second = array(box(100, 0, 200, 100))
        faces = overlay_layers([first, second], SnapParams(1.0))
        assert areas(faces, 0, 1)[0] == pytest.approx(10_000 + 0.6 * 50)
        assert areas(faces, 1, 1)[0] == pytest.approx(10_000 - 0.6 * 50)
        assert faces.sweeps.of_layer(0, 1)[0] < 1e-9
        assert faces.sweeps.of_layer(1, 1)[0] == pytest.approx(30, rel=0.01)
        assert len(faces.polygons) == 2

    def test_junction_takes_its_borders_along(self) -> None:
        """A T of the second layer ends 0.5 m beside the first layer's: all three of its borders follow."""
        first = array(box(0, 0, 100, 50), box(100, 0, 200, 50), box(0, 50, 200, 100))
        second = array(box(0, 0, 100.3, 50.4), box(100.3, 0, 200, 50.4), box(0, 50.4, 200, 100))
        faces = overlay_layers([first, second], SnapParams(1.0))
        assert faces.members.tolist() == faces.members[:, [0, 0]].tolist()
        assert sorted(faces.areas_m2.tolist()) == pytest.approx([5000, 5000, 10_000])

    def test_within_a_layer_gaps_and_overlaps_close(self) -> None:
        """A gap of 30 cm and an overlap of 40 cm between cells of one layer are one border each."""
        faces = overlay_layers(
            [array(box(0, 0, 100, 100), box(100.3, 0, 200, 100), box(199.6, 0, 300, 100))], SnapParams(1.0)
        )
        assert len(faces.overlaps) == 0
        assert sorted(faces.areas_m2.tolist()) == pytest.approx([10_000, 10_000, 10_000])

    def test_corners_do_not_slide_along_their_lines(self) -> None:
        """A corner near a leading corner goes to that corner, not to the nearest place of its side."""
        faces = overlay_layers([array(box(0, 0, 100, 100)), array(box(0.5, 0.6, 99.3, 99.5))], SnapParams(1.0))
        assert len(faces.polygons) == 1
        assert vertices(faces.polygons) == vertices(array(box(0, 0, 100, 100)))


class TestWhatStays:
    def test_narrow_polygons(self) -> None:
        """A strip of 1.5 m within tolerances of 1 m would collapse; it keeps its shape, and others come to it."""
        strip = box(0, 0, 200, 1.5)
        faces = overlay_layers([array(box(0, 1.5, 200, 100)), array(strip)], SnapParams(1.0))
        assert areas(faces, 1, 1)[0] == pytest.approx(300)

    @pytest.mark.parametrize(("width", "is_narrow"), [(2.9, True), (3.2, False)])
    def test_limit_of_narrow(self, width: float, is_narrow: bool) -> None:
        """Mean width of w × 1000 is w·1000/(w + 1000): 2.89 and 3.19 against three tolerances of 1 m."""
        assert find_narrow(array(box(0, 0, 1000, width)), 1.0).tolist() == [is_narrow]

    def test_exact_mode_moves_nothing(self) -> None:
        faces = overlay_layers([grid(2, 100), grid(2, 100, 1e-4)])
        assert len(faces.polygons) == 4 + 2 + 2 + 2
        assert faces.areas_m2.min() == pytest.approx(100 * 1e-4, rel=1e-6)

    def test_what_differs_by_rounding_is_one_in_exact_mode_too(self) -> None:
        far = [500_000.0, 4_400_000.0]
        first = grid(3, 100, *far)
        second = shapely.transform(first, lambda xy: np.nextafter(xy, np.inf))
        faces = overlay_layers([first, second])
        assert len(faces.polygons) == 9
        assert is_coverage(faces.polygons)


class TestParameters:
    @pytest.mark.parametrize("tolerance", [-0.1, 101.0, float("nan")])
    def test_limits(self, tolerance: float) -> None:
        with pytest.raises(ParameterError, match="0 to 100 m"):
            SnapParams(tolerance)

    @pytest.mark.parametrize(
        ("side", "steps", "expected"),
        # side/100 against a fifth of the distance of vertices (the side), at most 2 m, at least two steps of coordinates
        [(100.0, (), 1.0), (1000.0, (), 2.0), (100.0, (0.0, 0.9), 1.8), (0.5, (), 0.01)],
    )
    def test_proposal(self, side: float, steps: tuple[float, ...], expected: float) -> None:
        assert propose_tolerance([grid(3, side), array()], steps) == expected

    def test_proposal_for_densely_drawn_borders(self) -> None:
        """Vertices 2.5 m apart tell of bends of that size: half a metre, although the cells are 100 m wide."""
        assert propose_tolerance([shapely.segmentize(grid(3, 100), 2.5)]) == 0.5
