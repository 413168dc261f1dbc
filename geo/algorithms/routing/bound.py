"""A lower bound on the longest route: travel left out, work split at will."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from geo.model.patrol import PatrolProblem


def longest_route_bound(problem: PatrolProblem, edges: list[int], visits: list[int]) -> float:
    """Return seconds below which no plan that serves these can bring its longest route.

    Work is split among the teams as if segments could be cut anywhere and nobody had to travel: a linear program over
    kinds of segments (those that take each mode equally long per metre) and teams,

    ``min T`` subject to ``Σ_g x_gk·s_gk + Σ_v y_vk ≤ T`` for each team k, ``Σ_k x_gk = L_g``, ``Σ_k y_k = D``,

    with lengths ``L_g``, seconds per metre ``s_gk`` and total stay ``D``.

    Parameters
    ----------
    problem
        Teams and network.
    edges, visits
        What is served.
    """
    teams = problem.teams
    if not edges and not visits:
        return 0.0
    length = problem.network.edges["length_m"].to_numpy()[edges]
    pace = pd.DataFrame(
        {mode: (problem.serve_times_s(mode)[edges] / length).round(9) for mode in {t.mode for t in teams}}
    )
    pace["length"] = length
    kinds = pace.groupby([column for column in pace.columns if column != "length"], as_index=False)["length"].sum()
    stay = sum(problem.visits[number].total_s for number in visits)
    count, width = len(kinds) + 1, len(teams)
    cost = np.zeros(count * width + 1)
    cost[-1] = 1.0
    upper = np.zeros((width, len(cost)))
    equal = np.zeros((count, len(cost)))
    bounds: list[tuple[float, float | None]] = []
    for kind in range(count):
        for team in range(width):
            column = kind * width + team
            seconds = 1.0 if kind == len(kinds) else float(kinds[teams[team].mode].iloc[kind])
            usable = np.isfinite(seconds)
            upper[team, column] = seconds if usable else 0.0
            equal[kind, column] = 1.0
            bounds.append((0.0, None if usable else 0.0))
    upper[:, -1] = -1.0
    amounts = [*kinds["length"].tolist(), stay]
    result = linprog(cost, upper, np.zeros(width), equal, amounts, [*bounds, (0.0, None)], method="highs")
    return float(result.fun) if result.success else 0.0
