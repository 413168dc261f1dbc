"""From the faces of a part to its cells: the three policies.

atomic
    Every face that is no sliver is a cell, so that each department can compose its own grid of whole cells.
reference
    One zoning leads: the faces in one of its cells, within one community, are one cell. Ground that it leaves out joins the
    neighbouring cell with the longest common border when it is small, and is divided as by *atomic* when it is not.
optimised
    The cells of *atomic* are joined until their sizes keep to bounds, along as much of the departments' borders as possible
    (:mod:`geo.algorithms.zoning.grouping`).

Under every policy slivers join a neighbour first, and no cell reaches into a second community.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.components import group_connected, split_groups, sum_by_keys
from geo.algorithms.partition.coverage import union_coverage
from geo.algorithms.partition.overlay import OUTSIDE, Borders
from geo.algorithms.partition.slivers import Pieces, SliverParams, SliverResult, dissolve_slivers
from geo.algorithms.zoning.grouping import GroupingProblem, GroupingResult, OptimiseParams
from geo.algorithms.zoning.grouping_check import check_grouping
from geo.algorithms.zoning.mosaic import Mosaic
from geo.algorithms.zoning.optimise import optimise_cells
from geo.errors import CheckFailedError, ParameterError
from geo.model.progress import Progress, ignore_progress

Policy = Literal["atomic", "reference", "optimised"]
POLICIES: tuple[Policy, ...] = ("atomic", "reference", "optimised")
_COMMUNITY_LAYER, _LEAD_LAYER = 0, 1


@dataclass(frozen=True)
class ComposeParams:
    """How faces become cells.

    Attributes
    ----------
    policy
        ``atomic``, ``reference`` or ``optimised``, see this module.
    slivers
        Limits below which a piece joins a neighbour.
    fill_area_m2
        Under ``reference``, ground that the leading zoning leaves out joins a neighbour up to this area; half of a usual
        unit cell (万米单元网格).
    optimise
        Bounds and weights of ``optimised``.
    """

    policy: Policy = "atomic"
    slivers: SliverParams = field(default_factory=SliverParams)
    fill_area_m2: float = 5_000.0
    optimise: OptimiseParams = field(default_factory=OptimiseParams)

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ParameterError(
                "'{policy}' is no policy of unifying. Known are {known}.", policy=self.policy, known=", ".join(POLICIES)
            )
        if not self.fill_area_m2 >= 0:
            raise ParameterError("The area up to which ground left out is filled must not be negative.")


@dataclass(frozen=True)
class Amounts:
    """What is spread over the ground: points with a value each, for the measures by which cells are bounded."""

    points: Mapping[str, NDArray[np.object_]]
    values: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Composed:
    """Faces grouped into cells.

    Attributes
    ----------
    groups
        Shape (f,): cell of each face, from 0 without holes.
    polygons
        Shape (c,): the cells.
    slivers
        Which faces were slivers, and which cells are slivers still.
    grouping
        What the optimised policy found, else None.
    """

    groups: NDArray[np.int64]
    polygons: NDArray[np.object_]
    slivers: SliverResult
    grouping: GroupingResult | None


def compose_cells(
    mosaic: Mosaic,
    params: ComposeParams,
    amounts: Amounts,
    keys: list[str],
    progress: Progress = ignore_progress,
) -> Composed:
    """Group the faces of a part into cells.

    Parameters
    ----------
    mosaic
        Faces of some communities; the leading zoning is the first after the communities.
    params
        Policy and limits.
    amounts
        Households and workload; may hold points elsewhere.
    keys
        Code of each community.
    progress
        Told how far it is.

    Raises
    ------
    CheckFailedError
        The independent check refused the optimised cells.
    """
    faces = mosaic.faces
    pairs = _pairs(faces.borders)
    pieces = Pieces(
        faces.areas_m2,
        shapely.length(faces.polygons),
        faces.members[:, 1:],
        mosaic.community,
        pairs["first"].to_numpy(),
        pairs["second"].to_numpy(),
        pairs["length"].to_numpy(),
    )
    start = _alike(faces.members)
    if params.policy == "reference":
        start = _led(mosaic, pairs, start, params.fill_area_m2)
    slivers = dissolve_slivers(pieces, start, params.slivers)
    groups, grouping = slivers.groups, None
    if params.policy == "optimised":
        problem, home = _problem(mosaic, groups, amounts)
        grouping = optimise_cells(problem, params.optimise, progress, [keys[row] for row in home])
        check = check_grouping(problem, params.optimise, grouping)
        if check.failed:
            raise CheckFailedError(
                "The optimised cells failed the checks {checks}; nothing was stored. Please report this with the data.",
                checks=", ".join(check.failed),
            )
        groups = grouping.groups[groups]
        slivers = SliverResult(slivers.groups, slivers.dissolved, np.empty(0, dtype=np.int64))
    return Composed(groups, _dissolve(faces.polygons, groups), slivers, grouping)


def _pairs(borders: Borders) -> pd.DataFrame:
    """Return neighbours, each pair once, with the length of their whole border."""
    inner = borders.first != OUTSIDE
    (first, second), length = sum_by_keys((borders.first[inner], borders.second[inner]), borders.lengths_m[inner])
    return pd.DataFrame({"first": first, "second": second, "length": length})


def _alike(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each face that is equal for faces which the same polygons hold."""
    return np.unique(members, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _led(mosaic: Mosaic, pairs: pd.DataFrame, alike: NDArray[np.int64], limit_m2: float) -> NDArray[np.int64]:
    """Return the start of the reference policy: the leading cell of each face, or what is alike where none leads."""
    lead = mosaic.faces.members[:, _LEAD_LAYER]
    free = lead < 0
    start = np.where(free, alike + lead.max(initial=0) + 1, lead)
    first, second = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    linked = free[first] & free[second]
    gap = group_connected(len(lead), first[linked], second[linked])
    small = np.bincount(gap, weights=mosaic.faces.areas_m2)[gap] <= limit_m2
    ends = np.concatenate((np.stack((first, second), 1), np.stack((second, first), 1)))
    beside = pd.DataFrame({"gap": gap[ends[:, 0]], "lead": lead[ends[:, 1]], "length": np.tile(pairs["length"], 2)})
    beside = beside[free[ends[:, 0]] & small[ends[:, 0]] & ~free[ends[:, 1]]]
    beside = beside.groupby(["gap", "lead"], as_index=False).agg({"length": "sum"}).round({"length": 6})
    best = beside.sort_values(["gap", "length", "lead"], ascending=[True, False, True]).drop_duplicates("gap")
    joined = np.full(len(lead), -1)
    joined[best["gap"]] = best["lead"]
    fills = free & (joined[gap] >= 0)
    return np.where(fills, joined[gap], start)


def _problem(mosaic: Mosaic, groups: NDArray[np.int64], amounts: Amounts) -> tuple[GroupingProblem, NDArray[np.int64]]:
    """Return the cells of the atomic policy as pieces to be joined, and the community of each number used in it."""
    faces = mosaic.faces
    count = int(groups.max(initial=-1)) + 1
    area: NDArray[np.float64] = np.bincount(groups, weights=faces.areas_m2, minlength=count).astype(np.float64)
    held = {"area": area}
    for measure, points in amounts.points.items():
        point, face = shapely.STRtree(faces.polygons).query(points, predicate="intersects")
        first = np.unique(point, return_index=True)[1]
        held[measure] = np.bincount(
            groups[face[first]], weights=amounts.values[measure][point[first]], minlength=count
        ).astype(np.float64)
    borders = faces.borders
    inner = borders.first != OUTSIDE
    zonings = borders.layers[inner] & ~np.int64(1 << _COMMUNITY_LAYER)
    table = pd.DataFrame(
        {
            "first": groups[borders.first[inner]],
            "second": groups[borders.second[inner]],
            "drawn": np.bitwise_count(zonings).astype(np.float64),
            "length": borders.lengths_m[inner],
        }
    )
    table = table[table["first"] != table["second"]]
    home, community = np.unique(mosaic.community, return_inverse=True)
    of_group = np.empty(count, dtype=np.int64)
    of_group[groups] = community.ravel()
    problem = GroupingProblem(
        held["area"],
        of_group,
        held,
        table["first"].to_numpy(),
        table["second"].to_numpy(),
        table["length"].to_numpy(),
        table["drawn"].to_numpy(),
        float(faces.members.shape[1] - 1),
    )
    return problem, home


def _dissolve(polygons: NDArray[np.object_], groups: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return the union of the faces of each group."""
    unions = [union_coverage(polygons[members]) for members in split_groups(groups)]
    normal: NDArray[np.object_] = shapely.normalize(np.array(unions, dtype=object))
    return normal
