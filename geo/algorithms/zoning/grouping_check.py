"""Independent check of a grouping: recomputes everything from the raw arrays; shares no code with the solver."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from geo.algorithms.zoning.grouping import GroupingProblem, GroupingResult, OptimiseParams

_RELATIVE = 1e-7


@dataclass(frozen=True)
class GroupingCheck:
    """Outcome of the checks.

    Attributes
    ----------
    outcomes
        Name of the check → whether it holds.
    """

    outcomes: Mapping[str, bool]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that do not hold."""
        return tuple(name for name, holds in self.outcomes.items() if not holds)


def check_grouping(problem: GroupingProblem, params: OptimiseParams, result: GroupingResult) -> GroupingCheck:
    """Check that a grouping is what it says.

    ``numbered``: cells are numbered from 0 without holes; ``nested``: each lies in one community; ``contiguous``: the faces
    of each hang together by borders with a length; ``bounded``: every cell is within the bounds or listed as a violation,
    with its size and whether it could be helped; ``valued``: the objective and its terms are those of the cells.

    Parameters
    ----------
    problem, params
        What was to be grouped.
    result
        How it was grouped.
    """
    groups = [int(group) for group in result.groups]
    if len(groups) != len(problem.areas_m2):
        return GroupingCheck({"numbered": False})
    cells: dict[int, list[int]] = defaultdict(list)
    for face, group in enumerate(groups):
        cells[group].append(face)
    community = [int(number) for number in problem.community]
    links = nx.Graph()
    links.add_nodes_from(range(len(groups)))
    for one, two, length in zip(
        problem.first.tolist(), problem.second.tolist(), problem.lengths_m.tolist(), strict=True
    ):
        if length > 0 and community[one] == community[two]:
            links.add_edge(one, two)
    return GroupingCheck(
        {
            "numbered": sorted(cells) == list(range(len(cells))),
            "nested": all(len({community[face] for face in faces}) == 1 for faces in cells.values()),
            "contiguous": all(nx.is_connected(links.subgraph(faces)) for faces in cells.values()),
            "bounded": _is_bounded(problem, params, result, cells, links),
            "valued": _is_valued(problem, params, result, groups, cells),
        }
    )


def _is_bounded(
    problem: GroupingProblem,
    params: OptimiseParams,
    result: GroupingResult,
    cells: Mapping[int, list[int]],
    links: nx.Graph,
) -> bool:
    sizes = problem.amounts[params.measure].tolist()
    slack = _RELATIVE * params.upper
    listed = {(violation.group, violation.kind): violation for violation in result.violations}
    if len(listed) != len(result.violations):
        return False
    for group, faces in cells.items():
        size = math.fsum(sizes[face] for face in faces)
        kind = "above" if size > params.upper + slack else "below" if size < params.lower - slack else None
        found = [listed.pop((group, one)) for one in ("above", "below") if (group, one) in listed]
        if kind is None and not all(_is_near(violation.size, size) for violation in found):
            return False
        if kind is None:
            continue
        if kind == "above":
            rest = [sizes[face] for face in faces if sizes[face] <= params.upper]
            large = len(faces) - len(rest)
            unavoidable = math.fsum(rest) + large * _large_face(params) <= params.upper + slack
        else:
            reachable = nx.node_connected_component(links, faces[0])
            unavoidable = math.fsum(sizes[face] for face in reachable) < params.lower
        if len(found) != 1 or (found[0].kind, found[0].unavoidable) != (kind, unavoidable):
            return False
        if not _is_near(found[0].size, size):
            return False
    return not listed


def _is_valued(
    problem: GroupingProblem,
    params: OptimiseParams,
    result: GroupingResult,
    groups: list[int],
    cells: Mapping[int, list[int]],
) -> bool:
    areas = problem.areas_m2.tolist()
    sizes = [size if size <= params.upper else _large_face(params) for size in problem.amounts[params.measure].tolist()]
    community = problem.community.tolist()
    borders = zip(
        problem.first.tolist(), problem.second.tolist(), problem.lengths_m.tolist(), problem.drawn.tolist(), strict=True
    )
    ignored, invented, cut_length = [], [], []
    for one, two, length, drawn in borders:
        if community[one] == community[two] and groups[one] == groups[two]:
            ignored.append(length * drawn / problem.n_zonings)
        elif community[one] == community[two]:
            invented.append(length * (problem.n_zonings - drawn) / problem.n_zonings)
            cut_length.append(length)
    wanted = (params.lower + params.upper) / 2
    area_of: dict[int, float] = defaultdict(float)
    size_of: dict[int, float] = defaultdict(float)
    for face, number in enumerate(community):
        area_of[number] += areas[face]
        size_of[number] += sizes[face]
    balance, violation = [], []
    for faces in cells.values():
        size, home = math.fsum(sizes[face] for face in faces), community[faces[0]]
        side = math.sqrt(area_of[home] / max(1.0, size_of[home] / wanted))
        balance.append(4 * side * ((size - wanted) / wanted) ** 2)
        if size < params.lower:
            violation.append((params.lower - size) / params.lower)
        elif size > params.upper:
            violation.append((size - params.upper) / params.upper)
    by_borders = math.fsum(ignored) + math.fsum(invented) + params.compactness * math.fsum(cut_length)
    expected = (
        math.fsum(ignored),
        math.fsum(invented),
        math.fsum(cut_length),
        math.fsum(balance),
        params.border_weight * by_borders + (1 - params.border_weight) * math.fsum(balance),
        math.fsum(violation),
    )
    parts = result.parts
    stated = (
        parts.ignored_m, parts.invented_m, parts.cut_length_m, parts.balance_m, parts.objective_m, parts.violation,
    )  # fmt: skip
    return all(_is_near(one, two) for one, two in zip(stated, expected, strict=True))


def _large_face(params: OptimiseParams) -> float:
    """Return as what a face above the upper bound counts."""
    return 0.25 * params.lower + 0.75 * params.upper


def _is_near(one: float, two: float) -> bool:
    return math.isclose(one, two, rel_tol=_RELATIVE, abs_tol=_RELATIVE)
