"""What it takes to go from one directed segment into the next, and which turns are banned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.model.network import Arcs, Mode, StreetNetwork, TurnPenalties, TurnRule


@dataclass(frozen=True)
class Turns:
    """Turns that are allowed, ordered by the arc that is left.

    Attributes
    ----------
    first
        Shape (arcs + 1,): where the turns out of each arc begin.
    to_arc
        Shape (t,): arc that is entered.
    time_s
        Shape (t,): time of the turn.
    """

    first: NDArray[np.int64]
    to_arc: NDArray[np.int64]
    time_s: NDArray[np.float64]

    @property
    def from_arc(self) -> NDArray[np.int64]:
        """Arc that is left, shape (t,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def among(self, arcs: NDArray[np.int64]) -> Turns:
        """Return the turns between some arcs, which get new numbers: their positions.

        Crop the arcs of a network by this: turns that are listed for fewer arcs take its cut streets for dead ends.

        Parameters
        ----------
        arcs
            Shape (k,): arcs to keep, ascending.
        """
        number = np.full(len(self.first) - 1, -1, dtype=np.int64)
        number[arcs] = np.arange(len(arcs))
        origin, goal = number[self.from_arc], number[self.to_arc]
        kept = (origin >= 0) & (goal >= 0)
        return _ordered(len(arcs), origin[kept], goal[kept], self.time_s[kept])


def list_turns(network: StreetNetwork, mode: Mode, arcs: Arcs) -> Turns:
    """Return the turns that a mode may make, with their times.

    Parameters
    ----------
    network
        Streets with their turn rules and penalties.
    mode
        Who turns.
    arcs
        All directed segments of the mode: a junction where none but the way back leaves is a dead end.
    """
    count = len(arcs.tail)
    by_tail = np.argsort(arcs.tail, kind="stable")
    begins = np.searchsorted(arcs.tail[by_tail], arcs.head, side="left")
    exits = np.searchsorted(arcs.tail[by_tail], arcs.head, side="right") - begins
    origin = np.repeat(np.arange(count), exits)
    rank = np.arange(len(origin)) - np.repeat(np.cumsum(exits) - exits, exits)
    goal = by_tail[np.repeat(begins, exits) + rank]
    is_u_turn = (arcs.edge[origin] == arcs.edge[goal]) & (arcs.forward[origin] != arcs.forward[goal])
    penalties = network.turn_penalties.get(mode, TurnPenalties())
    time_s = _general_times(network, arcs, origin, goal, is_u_turn, penalties)
    is_ruled = _apply_rules(time_s, network.turn_rules, mode, arcs, origin, goal)
    if penalties.is_u_turn_banned:
        ways_on = np.bincount(origin[~is_u_turn & (time_s < np.inf)], minlength=count)
        time_s[is_u_turn & ~is_ruled & (ways_on[origin] > 0)] = np.inf
    allowed = time_s < np.inf
    return _ordered(count, origin[allowed], goal[allowed], time_s[allowed])


def _general_times(
    network: StreetNetwork,
    arcs: Arcs,
    origin: NDArray[np.int64],
    goal: NDArray[np.int64],
    is_u_turn: NDArray[np.bool_],
    penalties: TurnPenalties,
) -> NDArray[np.float64]:
    """Return what the penalties say of each turn; the only way on costs nothing."""
    if penalties.left_s == penalties.right_s == 0:
        return np.where(is_u_turn, penalties.u_turn_s, 0.0)
    begins, ends = network.headings_deg.T
    out = np.where(arcs.forward, ends[arcs.edge], begins[arcs.edge] + 180)
    into = np.where(arcs.forward, begins[arcs.edge], ends[arcs.edge] + 180)
    change = (into[goal] - out[origin] + 180) % 360 - 180  # above 0 to the left
    ways_on = np.bincount(origin[~is_u_turn], minlength=len(arcs.tail))
    turning = (np.abs(change) > penalties.straight_deg) & (ways_on[origin] > 1)
    sideways = np.where(change > 0, penalties.left_s, penalties.right_s)
    return np.where(is_u_turn, penalties.u_turn_s, np.where(turning, sideways, 0.0))


def _apply_rules(
    time_s: NDArray[np.float64],
    rules: Sequence[TurnRule],
    mode: Mode,
    arcs: Arcs,
    origin: NDArray[np.int64],
    goal: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Write the times that rules give to turns; returns which turns they concern."""
    rules = sorted((rule for rule in rules if mode in rule.modes), key=lambda rule: rule.penalty_s)
    is_ruled = np.zeros(len(origin), dtype=bool)
    if not rules:
        return is_ruled
    from_edge = np.array([rule.from_edge for rule in rules])
    wanted = np.isin(arcs.edge[origin], from_edge)
    by_turn = {
        (rule.from_edge, rule.via_node, rule.to_edge): rule.penalty_s for rule in rules
    }  # the longest comes last
    for turn in np.flatnonzero(wanted).tolist():
        key = (int(arcs.edge[origin[turn]]), int(arcs.head[origin[turn]]), int(arcs.edge[goal[turn]]))
        if key in by_turn:
            time_s[turn], is_ruled[turn] = by_turn[key], True
    return is_ruled


def _ordered(count: int, origin: NDArray[np.int64], goal: NDArray[np.int64], time_s: NDArray[np.float64]) -> Turns:
    """Return turns whose origins ascend."""
    return Turns(np.searchsorted(origin, np.arange(count + 1)), goal, time_s)
