"""Which cells hold common ground, and in which cell of another zoning a cell is meant to lie.

A cell is *meant* to lie in the cell of another zoning that holds at least ``nested_share`` of it. Cells that are spread over
several cells of the other zoning were drawn for another purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.algorithms.components import sum_by_keys
from geo.algorithms.partition.overlay import NO_CELL
from geo.algorithms.zoning.mosaic import Mosaic

OVERLAP_KEYS = ("community", "layer_a", "row_a", "layer_b", "row_b")


def sum_overlaps(mosaic: Mosaic) -> pd.DataFrame:
    """Return the ground that polygons of two layers share, by community.

    Returns
    -------
    DataFrame
        ``community`` (row), ``layer_a`` < ``layer_b``, ``row_a``, ``row_b``, ``area_m2``.
    """
    faces = mosaic.faces
    layers = faces.members.shape[1]
    held = faces.members != NO_CELL
    found = [(np.flatnonzero(held[:, a] & held[:, b]), a, b) for a, b in combinations(range(layers), 2)]
    face, a, b = (
        np.concatenate([np.empty(0, dtype=np.int64), *column])
        for column in zip(*((rows, np.full(len(rows), a), np.full(len(rows), b)) for rows, a, b in found), strict=True)
    )
    keys, area = sum_by_keys(
        (mosaic.community[face], a, faces.members[face, a], b, faces.members[face, b]), faces.areas_m2[face]
    )
    return pd.DataFrame(dict(zip(OVERLAP_KEYS, keys, strict=True)) | {"area_m2": area})


@dataclass(frozen=True)
class Homes:
    """For every ordered pair of layers, where the cells of the one are meant to lie in the other.

    Attributes
    ----------
    rows
        (layer, other) → shape (cells of the layer,): row in the other, or :data:`NO_CELL` for none.
    """

    rows: dict[tuple[int, int], NDArray[np.int64]]


def find_homes(overlaps: pd.DataFrame, areas_m2: Sequence[NDArray[np.float64]], nested_share: float) -> Homes:
    """Return where cells are meant to lie.

    Parameters
    ----------
    overlaps
        As :func:`sum_overlaps` gives them, of all communities in which the cells have ground. Rows below
        :data:`NO_CELL` stand for polygons that are not at hand.
    areas_m2
        For each layer the areas of its polygons.
    nested_share
        Above one half, so that a cell has one home at the most.
    """
    keys = [overlaps[name].to_numpy(dtype=np.int64) for name in OVERLAP_KEYS[1:]]
    (layer_a, row_a, layer_b, row_b), area = sum_by_keys(keys, overlaps["area_m2"].to_numpy(dtype=np.float64))
    rows = {
        (a, b): np.full(len(areas_m2[a]), NO_CELL, dtype=np.int64)
        for a in range(len(areas_m2))
        for b in range(len(areas_m2))
        if a != b
    }
    for one, other in combinations(range(len(areas_m2)), 2):
        here = (layer_a == one) & (layer_b == other)
        a, b, common = row_a[here], row_b[here], area[here]
        for layer, beside, mine, theirs in ((one, other, a, b), (other, one, b, a)):
            known = mine >= 0
            mine, theirs = mine[known], theirs[known]  # noqa: PLW2901
            nested = common[known] >= nested_share * areas_m2[layer][mine]
            rows[layer, beside][mine[nested]] = theirs[nested]
    return Homes(rows)


def find_strays(mosaic: Mosaic, homes: Homes, layer: int, other: int) -> NDArray[np.bool_]:
    """Return which faces lie in a cell of a layer, but not in the other layer's cell in which that cell is meant to lie."""
    mine, theirs = mosaic.faces.members[:, layer], mosaic.faces.members[:, other]
    home = np.where(mine == NO_CELL, NO_CELL, homes.rows[layer, other][mine])
    strays: NDArray[np.bool_] = (home != NO_CELL) & (theirs != NO_CELL) & (theirs != home)
    return strays
