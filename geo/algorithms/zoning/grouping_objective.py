"""The value of a whole grouping, and which of its cells are outside the bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.components import group_connected
from geo.algorithms.zoning.grouping import GroupingParts, GroupingProblem, OptimiseParams, Violation


def value_parts(problem: GroupingProblem, params: OptimiseParams, groups: NDArray[np.int64]) -> GroupingParts:
    """Return the terms of the objective for all communities, see :mod:`geo.algorithms.zoning.grouping`.

    Parameters
    ----------
    problem, params
        Any number of communities.
    groups
        Shape (f,): cell of each face, from 0 without holes.
    """
    sizes = params.counted(problem.sizes(params))
    counted = problem.community[problem.first] == problem.community[problem.second]
    lengths, share = problem.lengths_m[counted], problem.drawn[counted] / problem.n_zonings
    cut = groups[problem.first[counted]] != groups[problem.second[counted]]
    ignored = float((lengths * share)[~cut].sum())
    invented = float((lengths * (1 - share))[cut].sum())
    cut_length = float(lengths[cut].sum())
    count = int(groups.max()) + 1 if len(groups) else 0
    size = np.bincount(groups, weights=sizes, minlength=count).astype(np.float64)
    _, first_face = np.unique(groups, return_index=True)
    _, row = np.unique(problem.community, return_inverse=True)
    unit = _units_m(problem, sizes, params.wanted, row)
    balance = float((unit[row[first_face]] * (size / params.wanted - 1) ** 2).sum())
    weight = params.border_weight
    return GroupingParts(
        ignored_m=ignored,
        invented_m=invented,
        cut_length_m=cut_length,
        balance_m=balance,
        objective_m=weight * (ignored + invented + params.compactness * cut_length) + (1 - weight) * balance,
        violation=float(_excess(size, params).sum()),
    )


def _units_m(
    problem: GroupingProblem, sizes: NDArray[np.float64], wanted: float, row: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the outline of a mean cell of the wanted size in each community."""
    area, size = np.bincount(row, weights=problem.areas_m2), np.bincount(row, weights=sizes)
    return np.asarray(4 * np.sqrt(area / np.maximum(1.0, size / wanted)), dtype=np.float64)


def _excess(size: NDArray[np.float64], params: OptimiseParams) -> NDArray[np.float64]:
    below = 1 - size / params.lower if params.lower else np.zeros_like(size)
    return np.asarray(np.maximum(0.0, np.maximum(below, size / params.upper - 1)), dtype=np.float64)


def find_violations(
    problem: GroupingProblem, params: OptimiseParams, groups: NDArray[np.int64]
) -> tuple[Violation, ...]:
    """Return the cells outside the bounds, and whether that could not be helped.

    Parameters
    ----------
    problem, params, groups
        As for :func:`value_parts`.
    """
    if not len(groups):
        return ()
    amounts = problem.sizes(params)
    amount = np.bincount(groups, weights=amounts)
    size = np.bincount(groups, weights=params.counted(amounts))
    joined = (problem.community[problem.first] == problem.community[problem.second]) & (problem.lengths_m > 0)
    ground = group_connected(problem.faces, problem.first[joined], problem.second[joined])
    ground_amount = np.bincount(ground, weights=amounts)
    _, first_face = np.unique(groups, return_index=True)
    slack = 1e-9 * params.upper
    above = np.flatnonzero(amount > params.upper + slack)
    below = np.flatnonzero(amount < params.lower - slack)
    small_ground = ground_amount[ground[first_face]] < params.lower
    return (
        *(Violation(int(one), "above", float(amount[one]), bool(size[one] <= params.upper + slack)) for one in above),
        *(Violation(int(one), "below", float(amount[one]), bool(small_ground[one])) for one in below),
    )
