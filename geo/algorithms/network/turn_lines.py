"""Turn rules that are drawn as lines: from the street that is left, over the junction, into the street that is entered.

Rules that name segments by number would be lost whenever the network is built again; lines hold on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.model.network import Mode, StreetNetwork, TurnRule
from geo.model.reports import Finding, list_rows

_NEAR_M = 15.0
"""A line must begin and end this near to its streets: half the width of a wide street."""


def turn_rules_of(
    network: StreetNetwork,
    lines: NDArray[np.object_],
    penalties_s: Sequence[float],
    modes: Sequence[tuple[Mode, ...]],
) -> tuple[tuple[TurnRule, ...], tuple[Finding, ...]]:
    """Return the rules that lines stand for, and which lines stand for none.

    The first and the last point of a line are laid on their nearest segments; the junction is where these meet, of two such
    junctions the one nearer to the line. A line whose two ends lie on one segment is a U-turn at that end of the segment to
    which the line comes nearer.

    Parameters
    ----------
    network
        Streets.
    lines
        Shape (r,): LineStrings in the network's CRS.
    penalties_s
        Time of each turn; inf: banned.
    modes
        Whom each rule binds.

    Raises
    ------
    ParameterError
        A penalty is negative or not a number.
    """
    tree = shapely.STRtree(network.edges.geometry.to_numpy())
    ends = network.edges[["from_node", "to_node"]].to_numpy()
    begin = tree.nearest(shapely.get_point(lines, 0))
    end = tree.nearest(shapely.get_point(lines, -1))
    streets = network.edges.geometry.to_numpy()
    away = np.maximum(
        shapely.distance(streets[begin], shapely.get_point(lines, 0)),
        shapely.distance(streets[end], shapely.get_point(lines, -1)),
    )
    rules: list[TurnRule] = []
    lost: list[int] = []
    for row, (one, two) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        common = sorted(set(ends[one].tolist()) & set(ends[two].tolist()))
        if not common or away[row] > _NEAR_M:
            lost.append(row)
            continue
        away_m = shapely.distance(shapely.points(network.xy[common]), lines[row])
        rules.append(TurnRule(one, common[int(np.argmin(away_m))], two, float(penalties_s[row]), modes[row]))
    if not lost:
        return tuple(rules), ()
    message = "{count} turn rules do not lead from one street over a junction into another, e.g. row {first}."
    x, y = shapely.get_coordinates(lines[lost[0]])[0].tolist()
    context = {"count": len(lost), "first": lost[0]}
    finding = Finding("turn_rule_lost", "warning", message, len(lost), list_rows(lost), x, y, context)
    return tuple(rules), (finding,)
