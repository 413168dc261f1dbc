"""What is a coverage and what is not, on shapes by hand; GEOS' own verdict where it is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from shapely import MultiPolygon, Polygon, box

from geo.algorithms.partition.coverage import is_coverage, union_coverage


def array(*shapes: Any) -> Any:
    return np.array(shapes, dtype=object)


TOUCHING = Polygon([(0, 5), (4, 3), (4, 7)])
"""Fills the hole of AROUND, which touches its outline at (0, 5)."""
AROUND = Polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 5)], [TOUCHING.exterior.coords])


@pytest.mark.parametrize(
    "polygons",
    [
        array(box(0, 0, 1, 1), box(1, 0, 2, 1)),
        array(box(0, 0, 1, 1), box(1, 1, 2, 2)),  # a corner alone
        array(box(0, 0, 1, 1), box(5, 5, 6, 6)),
        array(AROUND, TOUCHING),
        array(AROUND, TOUCHING, box(-5, 0, 0, 5)),  # GEOS 3.14 refuses this one
        array(Polygon(box(0, 0, 9, 9).exterior, [box(3, 3, 6, 6).exterior.coords]), box(3, 3, 6, 6)),
        array(MultiPolygon([box(0, 0, 1, 1), box(2, 0, 3, 1)]), box(1, 0, 2, 1)),
        array(),
    ],
)
def test_coverages(polygons: Any) -> None:
    assert is_coverage(polygons)


@pytest.mark.parametrize(
    "polygons",
    [
        array(box(0, 0, 2, 2), box(1, 0, 3, 2)),
        array(box(0, 0, 2, 2), box(0, 0, 2, 2)),
        array(box(0, 0, 9, 9), box(3, 3, 6, 6)),  # nested
        array(box(0, 0, 1, 1), box(1, 0, 2, 2)),  # the right one's side ends in the middle of nothing of the left one's
        array(box(0, 0, 2, 2), Polygon([(2, 0), (4, 0), (4, 2), (2, 2), (2, 1)])),  # a vertex on one side alone
        array(AROUND, Polygon([(0, 5), (4, 3), (4.1, 7)])),  # the filling reaches over the hole
        array(AROUND, TOUCHING, box(3, 4, 5, 6)),
        array(AROUND, Polygon([(0, 5), (4, 3), (4, 5), (4, 7)])),  # in the false alarm a vertex of one side alone
    ],
)
def test_no_coverages(polygons: Any) -> None:
    assert not is_coverage(polygons)
    assert not shapely.coverage_is_valid(polygons)


def test_union_of_a_coverage() -> None:
    assert union_coverage(array(AROUND, TOUCHING)).equals(box(0, 0, 10, 10))


def test_union_of_strips_a_few_nanometres_wide() -> None:
    """Seen by the fuzz: neighbours 1 km long and 4·10⁻⁸ m wide, whose union GEOS refuses as overlapping."""
    west, east, top = 999.9999999942889, 1000.0000000364016, 1000.0000000075989
    left = 3.640156810353638e-8
    long = Polygon(
        [
            (left, top),
            (east, top),
            (east, 441.0507007419564),
            (west, 441.05070072152284),
            (1000.0000000059404, 999.9999999933242),
        ]
    )
    short = Polygon(
        [
            (west, 441.05070072152284),
            (east, 441.0507007419564),
            (east, 441.05070059103315),
            (999.999999994289, 441.05070057059964),
        ]
    )
    strips = array(long, short)
    assert is_coverage(strips)
    with pytest.raises(shapely.GEOSException, match="overlapping"):
        shapely.coverage_union_all(strips)
    union = union_coverage(strips)
    assert union.is_valid
    assert union.area == pytest.approx(long.area + short.area, rel=1e-4)
