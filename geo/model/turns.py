"""What a single turn takes, read from the rules one by one: for checks that must not share code with the solver."""

from __future__ import annotations

from geo.model.network import Mode, StreetNetwork, TurnPenalties

Passage = tuple[int, bool]
"""A segment and whether it is used along its line."""


def turn_time_s(network: StreetNetwork, mode: Mode, before: Passage, after: Passage) -> float:
    """Return what it takes to go from one segment straight into the next; inf where the turn is banned.

    :class:`geo.model.network.TurnPenalties` says what a turn is.

    Parameters
    ----------
    network
        Streets with their turn rules and penalties.
    mode
        Who turns.
    before, after
        Segment that was just driven, and the one that follows; they meet at a junction.
    """
    (edge, forward), edges = before, network.edges
    node = int(edges["to_node" if forward else "from_node"].iloc[edge])
    ruled = _ruled_s(network, mode, node, edge, after[0])
    if ruled is not None:
        return ruled
    penalties = network.turn_penalties.get(mode, TurnPenalties())
    way_back = (edge, not forward)
    leaving = [
        key for _, _, key, values in network.graph.out_edges(node, keys=True, data=True) if f"time_s_{mode}" in values
    ]
    ways_on = [key for key in leaving if key != way_back]
    if after == way_back:
        open_ways = [key for key in ways_on if _ruled_s(network, mode, node, edge, key[0]) != float("inf")]
        return float("inf") if penalties.is_u_turn_banned and open_ways else penalties.u_turn_s
    change = (_heading(network, after, at_end=False) - _heading(network, before, at_end=True)) % 360
    if len(ways_on) < 2 or min(change, 360 - change) <= penalties.straight_deg:
        return 0.0
    return penalties.left_s if change < 180 else penalties.right_s


def _ruled_s(network: StreetNetwork, mode: Mode, node: int, from_edge: int, to_edge: int) -> float | None:
    """Return the longest time that a rule gives to a turn, None where no rule speaks of it."""
    turn = (from_edge, node, to_edge)
    return max(
        (
            rule.penalty_s
            for rule in network.turn_rules
            if mode in rule.modes and (rule.from_edge, rule.via_node, rule.to_edge) == turn
        ),
        default=None,
    )


def _heading(network: StreetNetwork, passage: Passage, *, at_end: bool) -> float:
    edge, forward = passage
    heading = float(network.headings_deg[edge, int(at_end == forward)])
    return heading if forward else heading + 180
