"""Turn rules drawn as lines on a crossing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from shapely import LineString

from geo.algorithms.network.turn_lines import turn_rules_of
from geo.errors import ParameterError
from geo.model.network import StreetNetwork, TurnRule

Network = Callable[..., StreetNetwork]
INF = float("inf")
CROSSING = [[(-100, 0), (0, 0)], [(0, 0), (100, 0)], [(0, -100), (0, 0)], [(0, 0), (0, 100)]]
WEST, EAST, SOUTH, NORTH = range(4)


def test_lines_become_rules(network: Network) -> None:
    town = network([*CROSSING, [(300, 0), (390, 0)]])
    node = int(town.edges["to_node"].iloc[WEST])
    far = int(town.edges["from_node"].iloc[WEST])
    lines = [
        [(-30, -2), (0, 0), (3, 40)],
        [(-30, 1), (0, 1), (40, -1)],
        [(-30, -3), (-1, 0), (-30, 3)],
        [(-60, -3), (-99, 0), (-60, 3)],
        [(400, 0), (410, 0)],
        [(-30, 0), (30, 60)],
        [(-30, 0), (350, 0)],
    ]
    rules, findings = turn_rules_of(
        town, np.array([LineString(line) for line in lines]), [INF, 8, INF, 30, INF, INF, INF], [("car",)] * 7
    )
    assert rules == (
        TurnRule(WEST, node, NORTH, INF, ("car",)),
        TurnRule(WEST, node, EAST, 8, ("car",)),
        TurnRule(WEST, node, WEST, INF, ("car",)),
        TurnRule(WEST, far, WEST, 30, ("car",)),
    )
    (finding,) = findings
    assert (finding.count, finding.rows, finding.x, finding.y) == (3, (4, 5, 6), 400, 0)
    assert finding.message.format(**finding.context).startswith("3 turn rules")


def test_two_streets_that_meet_twice(network: Network) -> None:
    """Both halves of a ring join the same junctions: the one beside the line counts."""
    town = network(
        [[(0, 0), (100, 50), (200, 0)], [(0, 0), (100, -50), (200, 0)], [(200, 0), (300, 0)], [(-90, 0), (0, 0)]]
    )
    line = np.array([LineString([(150, 25), (200, 0), (150, -25)])])
    (rule,), findings = turn_rules_of(town, line, [INF], [("car", "ebike")])
    assert (rule.from_edge, rule.to_edge, findings) == (0, 1, ())
    assert town.xy[rule.via_node].tolist() == [200, 0]


def test_no_lines(network: Network) -> None:
    assert turn_rules_of(network(CROSSING), np.empty(0, dtype=object), [], []) == ((), ())


def test_bad_penalty(network: Network) -> None:
    with pytest.raises(ParameterError):
        turn_rules_of(network(CROSSING), np.array([LineString([(-30, 0), (30, 0)])]), [-1], [("car",)])
