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
    parts = [pd.DataFrame({key: np.empty(0, dtype=np.int64) for key in OVERLAP_KEYS} | {"area_m2": np.empty(0)})]
    for a, b in combinations(range(layers), 2):
        both = (faces.members[:, [a, b]] != NO_CELL).all(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "community": mosaic.community[both],
                    "layer_a": a,
                    "row_a": faces.members[both, a],
                    "layer_b": b,
                    "row_b": faces.members[both, b],
                    "area_m2": faces.areas_m2[both],
                }
            )
        )
    summed: pd.DataFrame = pd.concat(parts).groupby(list(OVERLAP_KEYS), as_index=False).agg({"area_m2": "sum"})
    return summed


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
    pairs = overlaps.groupby(["layer_a", "row_a", "layer_b", "row_b"], as_index=False).agg({"area_m2": "sum"})
    turned = pairs.rename(columns={"layer_a": "layer_b", "row_a": "row_b", "layer_b": "layer_a", "row_b": "row_a"})
    both = pd.concat([pairs, turned], ignore_index=True)
    rows = {
        (a, b): np.full(len(areas_m2[a]), NO_CELL, dtype=np.int64)
        for a in range(len(areas_m2))
        for b in range(len(areas_m2))
        if a != b
    }
    for (a, b), found in both.groupby(["layer_a", "layer_b"]):
        one, other = int(str(a)), int(str(b))
        known = found[found["row_a"] >= 0]
        mine, theirs = known["row_a"].to_numpy(), known["row_b"].to_numpy()
        nested = known["area_m2"].to_numpy() >= nested_share * areas_m2[one][mine]
        rows[one, other][mine[nested]] = theirs[nested]
    return Homes(rows)


def find_strays(mosaic: Mosaic, homes: Homes, layer: int, other: int) -> NDArray[np.bool_]:
    """Return which faces lie in a cell of a layer, but not in the other layer's cell in which that cell is meant to lie."""
    mine, theirs = mosaic.faces.members[:, layer], mosaic.faces.members[:, other]
    home = np.where(mine == NO_CELL, NO_CELL, homes.rows[layer, other][mine])
    strays: NDArray[np.bool_] = (home != NO_CELL) & (theirs != NO_CELL) & (theirs != home)
    return strays
