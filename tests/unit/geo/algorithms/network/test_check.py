"""What is wrong with small networks that were broken by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geo.algorithms.network.check import check_network
from geo.model.network import StreetNetwork, TurnPenalties, TurnRule
from geo.model.reports import Finding

Network = Callable[..., StreetNetwork]
SQUARE = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]  # the spur cuts it into segments 0 and 1
SPUR = [(100, 0), (200, 0)]
ISLAND = [(500, 500), (560, 500)]


def by_code(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    assert len({finding.code for finding in findings}) == len(findings)
    for finding in findings:
        assert finding.message.format(**finding.context)
    return {finding.code: finding for finding in findings}


def with_column(network: StreetNetwork, **columns: Any) -> StreetNetwork:
    return StreetNetwork(network.nodes, network.edges.assign(**columns))


def test_nothing_is_wrong(network: Network) -> None:
    town = network([SQUARE, SPUR])
    assert check_network(town, ["foot", "car"], range(len(town.edges)), {"depot": 0}) == ()


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_bad_numbers(network: Network, bad: float) -> None:
    town = network([SQUARE, SPUR])
    for column, code in (("length_m", "bad_length"), ("speed_car_mps", "bad_speed")):
        broken = with_column(town, **{column: [10.0, 10.0, bad]})
        finding = by_code(check_network(broken, ["foot"]))[code]
        assert (finding.severity, finding.count, finding.rows) == ("error", 1, (2,))


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_bad_times(network: Network, bad: float) -> None:
    town = network([SQUARE, SPUR])
    broken = replace(town, times_s={"car": np.array([[1.0, bad], [np.inf, 1.0], [1.0, 1.0]])})
    assert by_code(check_network(broken, ["foot"]))["bad_time"].rows == (0,)


def test_unknown_junction_ends_the_check(network: Network) -> None:
    town = network([SQUARE, SPUR])
    found = by_code(check_network(with_column(town, to_node=[0, 9, 0]), ["foot"], [50]))
    assert list(found) == ["unknown_junction"]
    assert found["unknown_junction"].rows == (1,)


def test_islands_of_each_mode(network: Network) -> None:
    """Over the pedestrian street people come to the spur behind it; cars do not."""
    behind = [[(200, 0), (260, 0)], [(300, 0), (330, 0)]]
    town = network([SQUARE, SPUR, *behind, ISLAND], road_class=["residential", "pedestrian", *["residential"] * 3])
    foot = by_code(check_network(town, ["foot"]))["mode_island"]
    assert (foot.count, foot.context["islands"], foot.context["length_m"]) == (2, 2, pytest.approx(90))
    car = by_code(check_network(town, ["car"]))["mode_island"]
    assert (car.count, car.context["islands"], car.context["length_m"]) == (3, 3, pytest.approx(150))
    assert car.severity == "warning"
    assert (car.x, car.y) == (200, 0)


def test_traps(network: Network) -> None:
    town = network([SQUARE, SPUR, ISLAND], oneway=["both", "forward", "both"])
    found = by_code(check_network(town, ["car"], [0, 1, 2, 3]))
    assert (found["mode_trap"].rows, found["mode_island"].rows) == ((2,), (3,))
    assert found["required_unreachable"].rows == (2, 3)
    assert by_code(check_network(town, ["foot"], [0, 1])).keys() == {"mode_island"}
    assert by_code(check_network(town, ["car", "car"], [0])).keys() == {"mode_trap", "mode_island"}


def test_only_one_way_streets_without_a_round(network: Network) -> None:
    """No part at all can be reached and left."""
    town = network([SPUR, ISLAND], oneway=["forward", "forward"])
    found = by_code(check_network(town, ["car"], [0, 1], {"depot": 0}))
    assert found["required_unreachable"].rows == (0, 1)
    assert found["unreachable_place"].context["name"] == "depot"


def test_closed_to_all_teams(network: Network) -> None:
    town = network([SQUARE, SPUR], road_class=["residential", "lane"], name=["和平路", "三八巷"])
    finding = by_code(check_network(town, ["car"], [0, 1, 2]))["required_closed"]
    assert (finding.severity, finding.rows, finding.context["name"]) == ("error", (2,), "三八巷")
    assert finding.context["length_m"] == pytest.approx(100)
    assert check_network(town, ["car", "ebike"], [0, 1, 2]) == ()


def test_mode_without_streets(network: Network) -> None:
    town = network([SQUARE], road_class=["pedestrian"])
    found = by_code(check_network(town, ["car"], [0], {"school": 0}))
    assert found.keys() == {"mode_without_streets", "required_closed", "unreachable_place"}


def test_unknown_segments_and_places(network: Network) -> None:
    town = network([SQUARE, SPUR])
    found = by_code(check_network(town, ["foot"], [0, 7, -1], {"here": 0, "nowhere": 17}))
    assert found["unknown_segment"].rows == (-1, 7)
    assert (found["unknown_place"].rows, found["unknown_place"].context["name"]) == ((1,), "nowhere")


def test_unreachable_places(network: Network) -> None:
    town = network([SQUARE, SPUR, ISLAND])
    island = int(town.edges["from_node"].iloc[3])
    finding = by_code(check_network(town, ["foot"], [], {"depot": 0, "school": island}))["unreachable_place"]
    assert (finding.count, finding.rows, finding.x, finding.y) == (1, (1,), 500, 500)


def test_turn_rules(network: Network) -> None:
    """The spur may be entered neither from the one nor from the other side of the square."""
    town = network([SQUARE, SPUR])
    spur = 2
    node = int(town.edges["from_node"].iloc[spur])
    bans = (TurnRule(0, node, spur), TurnRule(1, node, spur))
    closed = replace(town, turn_rules=(*bans, TurnRule(0, 99, 1), TurnRule(spur, node, 42)))
    found = by_code(check_network(closed, ["car"], range(len(town.edges))))
    assert found["required_turns"].rows == (spur,)
    assert found["unknown_turn"].count == 2
    assert by_code(check_network(closed, ["foot"], range(len(town.edges)))).keys() == {"unknown_turn"}
    no_u_turns = replace(town, turn_penalties={"car": TurnPenalties(is_u_turn_banned=True)})
    assert check_network(no_u_turns, ["car"], range(len(town.edges))) == ()


def test_no_teams(network: Network) -> None:
    found = by_code(check_network(network([SQUARE]), [], [0], {"depot": 0}))
    assert found.keys() == {"required_closed", "unreachable_place"}
