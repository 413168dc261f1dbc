"""The exact overlay on shapes whose areas are known by hand: faces, members, overlaps, borders."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Point, Polygon, box

from geo.algorithms.components import group_connected
from geo.algorithms.partition.coverage import is_coverage
from geo.algorithms.partition.overlay import NO_CELL, OUTSIDE, Faces, overlay_layers
from geo.errors import ParameterError


def array(*shapes: Any) -> Any:
    return np.array(shapes, dtype=object)


def with_hole(shell: Polygon, *holes: Polygon) -> Polygon:
    return Polygon(shell.exterior, [hole.exterior.coords for hole in holes])


def areas_by_members(faces: Faces) -> dict[tuple[int, ...], float]:
    keys = [tuple(row) for row in faces.members.tolist()]
    return {key: round(float(faces.areas_m2[[k == key for k in keys]].sum()), 6) for key in set(keys)}


def holders(faces: Faces, layer: int, x: float, y: float) -> set[int]:
    """Return the polygons of a layer that hold a place."""
    (found,) = np.flatnonzero(shapely.contains_xy(faces.polygons, x, y))
    rows = faces.overlaps
    further = rows[(rows[:, 0] == found) & (rows[:, 1] == layer), 2].tolist()
    return {row for row in (int(faces.members[found, layer]), *further) if row != NO_CELL}


class TestFaces:
    def test_two_shifted_squares(self) -> None:
        """10 × 10 each, shifted by (4, 3): they share 6 × 7 = 42."""
        faces = overlay_layers([array(box(0, 0, 10, 10)), array(box(4, 3, 14, 13))])
        assert areas_by_members(faces) == {(0, 0): 42, (0, NO_CELL): 58, (NO_CELL, 0): 58}
        assert len(faces.polygons) == 3
        assert len(faces.overlaps) == 0
        assert shapely.area(faces.polygons).tolist() == faces.areas_m2.tolist()
        assert is_coverage(faces.polygons)

    def test_ground_of_nobody_is_left_out(self) -> None:
        faces = overlay_layers([array(with_hole(box(0, 0, 10, 10), box(4, 4, 6, 6)))])
        assert areas_by_members(faces) == {(0,): 96}

    def test_hole_that_touches_the_outline_at_a_vertex(self) -> None:
        """The triangle (0, 5), (4, 3), (4, 7) of 8 is a hole that meets the western side in one point."""
        hole = Polygon([(0, 5), (4, 3), (4, 7)])
        square = Polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 5)], [hole.exterior.coords])
        assert areas_by_members(overlay_layers([array(square)])) == {(0,): 92}
        filled = overlay_layers([array(square, hole)])
        assert areas_by_members(filled) == {(0,): 92, (1,): 8}
        assert is_coverage(filled.polygons)

    def test_outline_pinched_in_two(self) -> None:
        """Two squares of one multipolygon that meet in a corner are two faces without a common border."""
        faces = overlay_layers([array(MultiPolygon([box(0, 0, 1, 1), box(1, 1, 2, 2)])), array(box(0, 0, 2, 2))])
        assert areas_by_members(faces) == {(0, 0): 2, (NO_CELL, 0): 2}
        assert len(faces.polygons) == 4

    def test_island_in_a_hole(self) -> None:
        """100 − 36 around, 36 − 4 between, 4 in the middle; the second layer is one square over all."""
        ring, between = with_hole(box(0, 0, 10, 10), box(2, 2, 8, 8)), with_hole(box(2, 2, 8, 8), box(4, 4, 6, 6))
        faces = overlay_layers([array(ring, box(4, 4, 6, 6)), array(between), array(box(0, 0, 10, 10))])
        assert areas_by_members(faces) == {(0, NO_CELL, 0): 64, (NO_CELL, 0, 0): 32, (1, NO_CELL, 0): 4}

    def test_island_that_touches_nothing(self) -> None:
        faces = overlay_layers([array(box(0, 0, 10, 10)), array(box(3, 3, 5, 5))])
        assert areas_by_members(faces) == {(0, NO_CELL): 96, (0, 0): 4}
        assert len(faces.polygons) == 2

    def test_multipolygon_and_empty_layer(self) -> None:
        both = MultiPolygon([box(0, 0, 1, 1), box(5, 5, 6, 6)])
        faces = overlay_layers([array(both), array()])
        assert areas_by_members(faces) == {(0, NO_CELL): 2}

    def test_nothing_at_all(self) -> None:
        faces = overlay_layers([array(), array()])
        assert (len(faces.polygons), faces.members.shape) == (0, (0, 2))

    def test_twelve_layers(self) -> None:
        """Layer k cuts the strip 0–13 at k: thirteen faces of width 1, each west of the cuts that follow."""
        layers = [array(box(0, 0, k, 1), box(k, 0, 13, 1)) for k in range(1, 13)]
        faces = overlay_layers(layers)
        place = {
            int(polygon.centroid.x): members for polygon, members in zip(faces.polygons, faces.members, strict=True)
        }
        assert {x: members.tolist() for x, members in place.items()} == {
            x: [0 if x < k else 1 for k in range(1, 13)] for x in range(13)
        }

    @pytest.mark.parametrize("count", [0, 63])
    def test_number_of_layers(self, count: int) -> None:
        with pytest.raises(ParameterError, match="1 to 62 layers"):
            overlay_layers([array(box(0, 0, 1, 1))] * count)


class TestOverlapsWithinALayer:
    def test_first_holds_and_the_second_is_told(self) -> None:
        faces = overlay_layers([array(box(0, 0, 10, 10), box(8, 0, 20, 10)), array(box(0, 0, 20, 10))])
        assert areas_by_members(faces) == {(0, 0): 100, (1, 0): 100}
        ((face, layer, row),) = faces.overlaps.tolist()
        assert (layer, row) == (0, 1)
        assert faces.polygons[face].equals(box(8, 0, 10, 10))

    def test_nested(self) -> None:
        faces = overlay_layers([array(box(0, 0, 10, 10), box(2, 2, 4, 4))])
        assert areas_by_members(faces) == {(0,): 100}
        assert (holders(faces, 0, 3, 3), holders(faces, 0, 5, 5)) == ({0, 1}, {0})

    def test_nested_that_shares_a_side(self) -> None:
        faces = overlay_layers([array(box(0, 0, 10, 10), box(0, 0, 10, 5))])
        assert (holders(faces, 0, 5, 2), holders(faces, 0, 5, 8)) == ({0, 1}, {0})

    def test_the_same_twice(self) -> None:
        faces = overlay_layers([array(box(0, 0, 10, 10), box(0, 0, 10, 10))])
        assert len(faces.polygons) == 1
        assert holders(faces, 0, 5, 5) == {0, 1}

    def test_three_on_one_place(self) -> None:
        faces = overlay_layers([array(box(0, 0, 6, 6), box(4, 0, 10, 6), box(3, 3, 7, 9)), array(box(0, 0, 10, 9))])
        places = {(1, 1): {0}, (5, 1): {0, 1}, (5, 4): {0, 1, 2}, (3.5, 4): {0, 2}, (6.5, 4): {1, 2}, (5, 8): {2}}
        assert {place: holders(faces, 0, *place) for place in places} == places
        assert {tuple(holders(faces, 1, *place)) for place in places} == {(0,)}

    def test_numbers_hold_when_faces_are_left_out(self) -> None:
        faces = overlay_layers([array(with_hole(box(0, 0, 10, 10), box(1, 1, 2, 2)), box(8, 8, 10, 10))])
        ((face, _, row),) = faces.overlaps.tolist()
        assert faces.polygons[face].equals(box(8, 8, 10, 10))
        assert row == 1


class TestBorders:
    def borders(self, faces: Faces) -> dict[frozenset[int], dict[int, float]]:
        """Return for each pair of faces the length drawn by each set of layers."""
        found: dict[frozenset[int], dict[int, float]] = {}
        rows = faces.borders
        for one, two, layers, length in zip(rows.first, rows.second, rows.layers, rows.lengths_m, strict=True):
            found.setdefault(frozenset((int(one), int(two))), {})[int(layers)] = float(length)
        return found

    def test_three_by_three_grid(self) -> None:
        """Twelve pairs share one side of 10 m; those that meet in a corner are no neighbours."""
        cells = array(*(box(10 * i, 10 * j, 10 * i + 10, 10 * j + 10) for j in range(3) for i in range(3)))
        faces = overlay_layers([cells])
        cell = faces.members[:, 0]
        inner = {
            frozenset(int(cell[face]) for face in pair): lengths
            for pair, lengths in self.borders(faces).items()
            if OUTSIDE not in pair
        }
        right = [frozenset((3 * j + i, 3 * j + i + 1)) for j in range(3) for i in range(2)]
        above = [frozenset((3 * j + i, 3 * j + i + 3)) for j in range(2) for i in range(3)]
        assert inner == {pair: {1: 10.0} for pair in (*right, *above)}

    def test_who_draws_what(self) -> None:
        """Both layers draw the rim; the first cuts at 4, the second at 6, and both at 8."""
        first = array(box(0, 0, 4, 1), box(4, 0, 8, 1), box(8, 0, 10, 1))
        second = array(box(0, 0, 6, 1), box(6, 0, 8, 1), box(8, 0, 10, 1))
        faces = overlay_layers([first, second])
        west_to_east = np.argsort([polygon.centroid.x for polygon in faces.polygons]).tolist()
        lengths = self.borders(faces)
        drawn = [lengths[frozenset(pair)] for pair in pairwise(west_to_east)]
        assert drawn == [{0b01: 1.0}, {0b10: 1.0}, {0b11: 1.0}]
        rim = sum(sum(found.values()) for pair, found in lengths.items() if OUTSIDE in pair)
        assert rim == pytest.approx(22)


def test_a_smaller_choice_of_faces_is_numbered_anew() -> None:
    faces = overlay_layers([array(box(0, 0, 10, 10), box(8, 0, 20, 10)), array(box(0, 0, 20, 10))])
    chosen = faces.members[:, 0] == 1
    part = faces.take(chosen)
    assert part.areas_m2.tolist() == [100]
    assert len(part.overlaps) == 0
    assert set(part.borders.first.tolist()) == {OUTSIDE}
    assert part.borders.lengths_m.sum() == pytest.approx(2 * 10 + 2 * 10)


def test_exact_at_real_coordinates() -> None:
    """Circles of 64 corners at 500 km, 4,400 km: what they share as GEOS computes it, to a billionth."""
    one, two = Point(500_000, 4_400_000).buffer(1000), Point(500_700, 4_400_300).buffer(900)
    faces = overlay_layers([array(one), array(two)])
    shared = faces.areas_m2[(faces.members == 0).all(axis=1)].sum()
    assert shared == pytest.approx(one.intersection(two).area, rel=1e-9)
    assert faces.areas_m2[faces.members[:, 0] == 0].sum() == pytest.approx(one.area, rel=1e-9)
    assert faces.sweeps.of_layer(0, 1)[0] < 1e-3


def test_group_connected() -> None:
    groups = group_connected(6, np.array([0, 4, 1]), np.array([2, 5, 2]))
    assert [groups[0] == groups[i] for i in range(6)] == [True, True, True, False, False, False]
    assert groups[4] == groups[5] != groups[3]
