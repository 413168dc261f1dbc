"""The datum check: shifts put in by hand come out, and what merely differs raises no alarm."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

from geo.algorithms.datum_shift import DatumShift, DatumShiftParams, _segments, find_datum_shift
from geo.errors import ParameterError

ORIGIN = (500_000.0, 3_000_000.0)


def town(seed: int, columns: int = 12, rows: int = 10, size_m: float = 400.0) -> Any:
    """Return cells of a town whose junctions are moved at random, so that no two blocks are alike."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(columns + 1) * size_m, np.arange(rows + 1) * size_m, indexing="ij")
    corners = np.stack([x, y], axis=-1) + random.uniform(-0.35, 0.35, (columns + 1, rows + 1, 2)) * size_m + ORIGIN
    return shapely.polygons(
        [
            [corners[i, j], corners[i + 1, j], corners[i + 1, j + 1], corners[i, j + 1]]
            for i in range(columns)
            for j in range(rows)
        ]
    )


def moved(shapes: Any, dx: float, dy: float) -> Any:
    return shapely.transform(shapes, lambda xy: xy + np.array([dx, dy]))


def found(layer: Any, reference: Any, **params: float) -> DatumShift:
    shift = find_datum_shift(np.asarray(layer), np.asarray(reference), DatumShiftParams(**params))
    assert shift is not None
    return shift


@settings(max_examples=12, deadline=None)
@given(distance=st.floats(130, 690), bearing=st.floats(0, 2 * math.pi), seed=st.integers(0, 5))
def test_any_shift_is_found(distance: float, bearing: float, seed: int) -> None:
    dx, dy = distance * math.cos(bearing), distance * math.sin(bearing)
    cells = town(seed)
    shift = found(moved(cells, dx, dy), cells)
    assert shift.is_shifted
    assert math.hypot(shift.dx_m - dx, shift.dy_m - dy) < 8
    assert shift.agreement_after > 0.9
    assert shift.agreement_before < 0.4  # borders along the shift stay on themselves


def test_layer_in_its_place() -> None:
    cells = town(1)
    shift = found(cells, cells)
    assert not shift.is_shifted
    assert shift.distance_m < 8
    assert shift.agreement_before == shift.agreement_after > 0.9


@pytest.mark.parametrize("reverse", [False, True])
def test_part_of_a_layer(reverse: bool) -> None:
    """A district's outline against its cells, in either direction, and only a third of the cells against all."""
    cells = town(2)
    part = shapely.union_all(cells[:40])
    pair = (moved([part], 300, -400), cells)
    shift = found(*(pair[::-1] if reverse else pair))
    sign = -1 if reverse else 1
    assert shift.is_shifted
    assert (shift.dx_m, shift.dy_m) == pytest.approx((300 * sign, -400 * sign), abs=8)
    third = found(moved(cells[:40], 300, -400), cells)
    assert third.is_shifted


def test_layers_of_different_borders_raise_no_alarm() -> None:
    for seed in range(6):
        assert not found(town(seed), town(seed + 100, size_m=370)).is_shifted


def test_regular_blocks_fit_in_many_ways_and_raise_no_alarm() -> None:
    blocks = [box(i * 200, j * 200, i * 200 + 200, j * 200 + 200) for i in range(15) for j in range(15)]
    shift = found(moved(blocks, 90, 90), blocks)  # 110 m the other way fits as well
    assert not shift.is_shifted


@pytest.mark.parametrize("size_m", [80, 100, 150])
def test_dense_blocks(size_m: float) -> None:
    """Within 30 m of any place lies a border of some block, so that only a finer tolerance tells the shift."""
    blocks = town(7, 40, 40, size_m)
    shift = found(moved(blocks, 500, -300), blocks)
    assert shift.is_shifted
    assert (shift.dx_m, shift.dy_m) == pytest.approx((500, -300), abs=3)
    assert not found(blocks, blocks).is_shifted
    assert not found(town(8, 40, 40, size_m), blocks).is_shifted
    assert not found(shapely.transform(blocks, lambda xy: np.round(xy / 8) * 8), blocks).is_shifted


def test_many_vertices_are_thinned() -> None:
    """A million vertices take less than a few seconds even on a slow machine (0.7 s where this was written)."""
    cells = shapely.segmentize(town(9, 100, 100, 200.0), 8.0)
    assert shapely.get_num_coordinates(cells).sum() > 1_000_000
    started = time.process_time()
    shift = found(moved(cells, -220, 410), cells)
    assert time.process_time() - started < 5
    assert shift.is_shifted
    assert (shift.dx_m, shift.dy_m) == pytest.approx((-220, 410), abs=8)


def test_rings_of_one_polygon_are_not_joined() -> None:
    """A line from the shell to its hole would be a border that is not there."""
    holed = shapely.Polygon(box(0, 0, 900, 900).exterior, [box(300, 300, 350, 350).exterior.coords])
    lengths = {float(np.hypot(*(b - a))) for a, b in _segments(np.array([holed, LineString([(0, 0), (7, 0)])]))}
    assert lengths == {900.0, 50.0, 7.0}


def test_short_border_along_a_long_one_raises_no_alarm() -> None:
    straight = [LineString([(0, 0), (20_000, 0)])]
    assert not found([LineString([(8_000, 300), (9_000, 300)])], straight).is_shifted


@pytest.mark.parametrize(("distance", "shifted"), [(60, False), (140, True), (660, True), (900, False)])
def test_range_of_the_shift(distance: float, shifted: bool) -> None:
    cells = town(3)
    assert found(moved(cells, distance, 0), cells).is_shifted == shifted


def test_lines_against_polygons() -> None:
    cells = town(4)
    streets = moved(shapely.boundary(cells), -250, 310)
    shift = found(streets, cells)
    assert shift.is_shifted
    assert (shift.dx_m, shift.dy_m) == pytest.approx((-250, 310), abs=8)


@pytest.mark.parametrize(
    ("layer", "reference"),
    [
        ([Point(ORIGIN)], town(1)),
        ([], town(1)),
        (town(1), []),
        (moved(town(1), 50_000, 0), town(1)),
        ([LineString([ORIGIN, ORIGIN])], town(1)),
    ],
    ids=["points", "nothing", "no reference", "far away", "no length"],
)
def test_what_cannot_be_compared(layer: Any, reference: Any) -> None:
    assert find_datum_shift(np.asarray(layer, dtype=object), np.asarray(reference, dtype=object)) is None


@pytest.mark.parametrize(
    "params",
    [
        {"min_shift_m": 700},
        {"cell_m": 50},
        {"min_agreement": 0},
        {"max_rival_ratio": 1},
        {"samples": 0},
        {"window_m": 9},
    ],
)
def test_parameters_out_of_range(params: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        DatumShiftParams(**params)
