"""Terminals: where services begin and end, and the ways between them in each mode of travel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.network.distances import ShortestPaths
from geo.algorithms.network.turn_paths import TurnAwarePaths
from geo.algorithms.network.turns import list_turns
from geo.model.network import Arcs, Mode, StreetNetwork

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Terminals:
    """Places where a team is between two services.

    Attributes
    ----------
    node
        Shape (t,): junction; of a directed segment, -1.
    edge, forward
        Shape (t,): directed segment that was just served, or is about to be: with turn rules it matters which one; -1 and
        True for a junction.
    """

    node: Ints
    edge: Ints
    forward: NDArray[np.bool_]


class Ways:
    """The ways of one mode between terminals.

    Parameters
    ----------
    network
        Streets.
    mode
        Mode of travel.
    arcs
        Directed segments that may be used.
    terminals
        The places.
    """

    def __init__(self, network: StreetNetwork, mode: Mode, arcs: Arcs, terminals: Terminals) -> None:
        self.arcs = arcs
        count = len(network.nodes)
        first, last = network.edges["from_node"].to_numpy(), network.edges["to_node"].to_numpy()
        is_node = terminals.node >= 0
        edge, forward = terminals.edge, terminals.forward
        heads = np.where(is_node, terminals.node, np.where(forward, last[edge], first[edge]))
        tails = np.where(is_node, terminals.node, np.where(forward, first[edge], last[edge]))
        self._paths: ShortestPaths | TurnAwarePaths
        self._turn_s: dict[tuple[int, int], float] = {}
        self._number = np.full((len(first), 2), -1, dtype=np.int64)
        self._number[arcs.edge, arcs.forward.astype(int)] = np.arange(len(arcs.edge))
        if turns_matter(network, mode):
            turns = list_turns(network, mode, arcs)
            paths = TurnAwarePaths(count, arcs, turns)
            pairs = zip(turns.from_arc.tolist(), turns.to_arc.tolist(), strict=True)
            self._turn_s = {pair: value for pair, value in zip(pairs, turns.time_s.tolist(), strict=True) if value > 0}
            arc = np.where(is_node, -1, self._number[edge, forward.astype(int)])
            self._from = np.where(arc >= 0, arc, paths.at(heads))
            self._to = np.where(arc >= 0, arc, paths.at(tails))
            self._paths = paths
        else:
            self._from, self._to = heads, tails
            self._paths = ShortestPaths(count, arcs)

    def times_s(self) -> NDArray[np.float64]:
        """Return the travel times from terminal to terminal, shape (t, t); inf where there is no way."""
        sources, of_source = np.unique(self._from, return_inverse=True)
        targets, of_target = np.unique(self._to, return_inverse=True)
        times = self._paths.times(sources, targets)
        result: NDArray[np.float64] = times[np.ix_(of_source.ravel(), of_target.ravel())]
        return result

    def arc(self, edge: int, forward: bool) -> int:
        """Return the number of a directed segment."""
        return int(self._number[edge, int(forward)])

    def turn_s(self, one: int, other: int) -> float:
        """Return what the turn from one arc straight into another takes."""
        return self._turn_s.get((one, other), 0.0)

    def between(self, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
        """Return for each pair of terminals the arcs of a fastest way, as numbers into ``arcs``."""
        wanted = {pair: (int(self._from[pair[0]]), int(self._to[pair[1]])) for pair in pairs}
        is_plain = isinstance(self._paths, ShortestPaths)
        ways = self._paths.paths({(a, b) for a, b in wanted.values() if not (is_plain and a == b)})
        return {pair: ways.get(places, []) for pair, places in wanted.items()}


def turns_matter(network: StreetNetwork, mode: Mode) -> bool:
    """Return whether any turn is banned or takes time in a mode."""
    penalties = network.turn_penalties.get(mode)
    ruled = any(mode in rule.modes for rule in network.turn_rules)
    if penalties is None:
        return ruled
    return ruled or penalties.is_u_turn_banned or max(penalties.left_s, penalties.right_s, penalties.u_turn_s) > 0
