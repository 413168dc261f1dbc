"""Instructions by hand: on small networks where anyone can say which way a turn goes and what must be told."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from geo.algorithms.routing.itinerary import describe_walk, make_itinerary
from geo.algorithms.routing.itinerary_junctions import (
    Arc,
    Junctions,
    bearing_deg,
    deflection_deg,
    heading_of,
)
from geo.model.itinerary_text import sentence
from geo.model.plan import Route, Step

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from walks import ROUND, X0, Y0, itinerary_of, network_of, problem_of, steps_of, town, visit_at


def told(itinerary):
    return [(one.manoeuvre, one.action, one.street, round(one.length_m)) for one in itinerary.instructions]


class TestDirections:
    @pytest.mark.parametrize(
        ("dx", "dy", "degrees", "heading"),
        [(0, 1, 0, "n"), (1, 1, 45, "ne"), (1, 0, 90, "e"), (0, -1, 180, "s"), (-1, 0, 270, "w"), (-1, 1, 315, "nw")],
    )
    def test_compass(self, dx, dy, degrees, heading):
        assert bearing_deg(dx, dy) == pytest.approx(degrees)
        assert heading_of(bearing_deg(dx, dy)) == heading

    def test_compass_closes(self):
        assert heading_of(359.0) == heading_of(1.0) == "n"

    @pytest.mark.parametrize(("before", "after", "turn"), [(0, 90, 90), (90, 0, -90), (350, 10, 20), (10, 350, -20)])
    def test_turns(self, before, after, turn):
        assert deflection_deg(before, after) == turn

    @pytest.mark.parametrize(
        ("degrees", "manoeuvre"),
        [
            (0, "continue"), (20, "continue"), (-20, "continue"), (40, "slight_right"), (-40, "slight_left"),
            (90, "right"), (-90, "left"), (150, "sharp_right"), (-150, "sharp_left"),
        ],
    )  # fmt: skip
    def test_words_for_turns(self, degrees, manoeuvre):
        angle = math.radians(degrees)
        onward = (100 * math.sin(angle), 100 * math.cos(angle))
        network = network_of(
            [
                ("甲", "residential", "both", [(0, -100), (0, 0)]),
                ("乙", "residential", "both", [(0, 0), onward]),
                ("丙", "residential", "both", [(0, 0), (-onward[0] - 60, -onward[1] - 60)]),
            ]
        )
        assert Junctions(network, "foot").manoeuvre(Arc(0, True), Arc(1, True)) == manoeuvre

    def test_the_last_vertex_alone_does_not_decide(self):
        """Both streets end in a hook of half a metre; over ten metres the way is straight on."""
        network = network_of(
            [
                ("甲", "residential", "both", [(-100, 0), (-0.4, 0), (0, 0.4)]),
                ("乙", "residential", "both", [(0, 0.4), (0.4, 0), (100, 0)]),
            ]
        )
        streets = Junctions(network, "foot")
        assert abs(streets.turn_deg(Arc(0, True), Arc(1, True))) < 5
        assert streets.turn_deg(Arc(1, False), Arc(0, False)) == pytest.approx(
            -streets.turn_deg(Arc(0, True), Arc(1, True))
        )


class TestRound:
    def test_instructions(self):
        network = town()
        itinerary = itinerary_of(network, ROUND, [visit_at(network, 200, 100)])
        assert told(itinerary) == [
            ("depart", "patrol", "人民路", 200),
            ("left", "pass", "三巷", 100),
            ("visit", "visit", "", 0),
            ("left", "patrol", "解放路", 100),
            ("left", "patrol", "二巷", 100),
            ("right", "pass", "人民路", 100),
            ("arrive", "finish", "", 0),
        ]
        assert [one.heading for one in itinerary.instructions] == ["e", "n", None, "w", "s", "w", None]
        assert [one.number for one in itinerary.instructions] == list(range(1, 8))
        assert itinerary.instructions[0].crosses == ()
        assert itinerary.instructions[-1].is_back
        assert itinerary.instructions[0].arcs == (1, 2)
        assert itinerary.instructions[3].arcs == (-7,)

    def test_figures(self):
        network = town()
        visits = [visit_at(network, 200, 100, access_s=30.0)]
        itinerary = itinerary_of(network, ROUND, visits, wait_s=45.0)
        assert itinerary.length_m == pytest.approx(600)
        assert itinerary.served_m == pytest.approx(400)
        visit = itinerary.visits[0]
        assert (visit.wait_s, visit.duration_s) == (45.0, pytest.approx(630.0))
        assert visit.start_s == pytest.approx(28_800 + 200 / 1.0 + 100 / 1.25 + 45)
        seconds = sum(one.duration_s + one.wait_s for one in itinerary.instructions)
        assert seconds == pytest.approx(itinerary.end_s - itinerary.start_s)

    def test_visit_says_where_and_when(self):
        network = town()
        visits = [visit_at(network, 200, 100, windows=((0.0, 100.0), (28_000.0, 36_000.0)))]
        visit = itinerary_of(network, ROUND, visits).visits[0].visit
        assert visit.window == (28_000.0, 36_000.0)
        assert (visit.offset_m, visit.offset_heading) == (pytest.approx(20), "n")
        assert (visit.sequence, visit.code, visit.service_duration_s) == (1, "F1", 600.0)

    def test_ways_join(self):
        network = town()
        itinerary = itinerary_of(network, ROUND, [visit_at(network, 200, 100)])
        ends = [one.way[-1] for one in itinerary.instructions]
        begins = [one.way[0] for one in itinerary.instructions]
        assert ends[:-1] == begins[1:]
        assert begins[0] == ends[-1] == (X0, Y0)

    def test_a_street_patrolled_in_part_is_two_instructions(self):
        assert told(itinerary_of(town(), [(0, True, True), (1, True, False)]))[:2] == [
            ("depart", "patrol", "人民路", 100),
            ("continue", "pass", "人民路", 100),
        ]

    def test_crossing_a_street(self):
        network = network_of(
            [
                ("大街", "primary", "both", [(0, 0), (100, 0)]),
                ("大街", "primary", "both", [(100, 0), (200, 0)]),
                ("横街", "primary", "both", [(100, -100), (100, 0)]),
                ("横街", "primary", "both", [(100, 0), (100, 100)]),
            ]
        )
        whole = itinerary_of(network, [(0, True, True), (1, True, True)])
        assert whole.instructions[0].crosses == ("横街",)
        parts = itinerary_of(network, [(0, True, True), (1, True, False)])
        assert [one.crosses for one in parts.instructions[:2]] == [(), ("横街",)]

    def test_ends_elsewhere(self):
        itinerary = itinerary_of(town(), [(0, True, True)])
        assert not itinerary.instructions[-1].is_back
        assert sentence(itinerary.instructions[-1], "en") == "The patrol ends here"

    def test_no_steps_no_instructions(self):
        itinerary = make_itinerary(problem_of(town()), Route(0, 0.0, 0.0, ()))
        assert (itinerary.instructions, itinerary.length_m) == ((), 0)


class TestWhatMustBeTold:
    def test_turning_round(self):
        there_and_back = itinerary_of(town(), [(4, True, True), (4, False, False)])
        assert told(there_and_back)[1] == ("uturn", "pass", "三巷", 100)
        assert there_and_back.instructions[1].junction == "解放路"
        assert sentence(there_and_back.instructions[1], "zh") == "在解放路路口掉头，从三巷返回"

    def test_a_bend_without_a_choice_is_not_told(self):
        network = network_of(
            [
                ("环路", "residential", "both", [(0, 0), (100, 0)]),
                ("环路", "residential", "both", [(100, 0), (100, 100)]),
            ]
        )
        assert told(itinerary_of(network, [(0, True, True), (1, True, True)]))[:1] == [
            ("depart", "patrol", "环路", 200)
        ]

    def test_a_street_that_turns_at_a_junction_is_told(self):
        network = network_of(
            [
                ("环路", "residential", "both", [(0, 0), (100, 0)]),
                ("环路", "residential", "both", [(100, 0), (100, 100)]),
                ("直路", "residential", "both", [(100, 0), (200, 0)]),
            ]
        )
        second = itinerary_of(network, [(0, True, True), (1, True, True)]).instructions[1]
        assert (second.manoeuvre, second.stays, second.junction) == ("left", True, "直路")
        assert sentence(second, "en") == "Turn left at 直路 to stay on 环路"

    def test_fork_of_one_street_says_the_side(self):
        """Both branches have the name and go almost straight on."""
        network = network_of(
            [
                ("叉路", "residential", "both", [(0, 0), (100, 0)]),
                ("叉路", "residential", "both", [(100, 0), (200, 15)]),
                ("叉路", "residential", "both", [(100, 0), (200, -15)]),
            ]
        )
        for branch, side in ((1, "slight_left"), (2, "slight_right")):
            assert itinerary_of(network, [(0, True, True), (branch, True, True)]).instructions[1].manoeuvre == side

    def test_unnamed_street_is_told_by_class_and_direction(self):
        turn = itinerary_of(town(), [(1, True, True), (7, True, True)]).instructions[1]
        assert (turn.street, turn.road_class, turn.heading, turn.junction) == ("", "lane", "se", "三巷")
        assert sentence(turn, "zh") == "在三巷路口向右前方行进，进入无名小巷（向东南）"
        assert sentence(turn, "en") == "Bear right at 三巷 onto an unnamed lane heading south-east"

    def test_closed_ways_are_no_choice_for_cars(self):
        """The side street is one-way towards the junction: a car just follows the bend, someone on foot is told."""
        network = network_of(
            [
                ("弯路", "residential", "both", [(0, 0), (100, 0)]),
                ("弯路", "residential", "both", [(100, 0), (100, 100)]),
                ("支路", "residential", "forward", [(200, 0), (100, 0)]),
            ]
        )
        walk = [(0, True, True), (1, True, True)]
        assert len(itinerary_of(network, walk, mode="car").legs) == 1
        assert len(itinerary_of(network, walk, mode="foot").legs) == 2

    def test_visit_on_the_way_breaks_the_street(self):
        network = town()
        itinerary = itinerary_of(network, [(0, True, True), 0, (1, True, True)], [visit_at(network, 100, 0)])
        assert [one[0] for one in told(itinerary)] == ["depart", "visit", "continue", "arrive"]
        assert itinerary.instructions[2].stays

    def test_visit_before_the_first_step(self):
        network = town()
        itinerary = itinerary_of(network, [0, (0, True, True)], [visit_at(network, 0, 0)])
        assert [one[0] for one in told(itinerary)] == ["visit", "depart", "arrive"]
        assert itinerary.instructions[0].way == ((X0, Y0),)

    def test_pause(self):
        """A step that is neither a segment nor a visit is a break."""
        network = town()
        steps = (*steps_of(network, "foot", [(0, True, True)]), Step(28_900.0, 29_500.0))
        break_ = describe_walk(Junctions(network, "foot"), steps, (), 28_800.0)[1]
        assert (break_.manoeuvre, break_.action, break_.duration_s) == ("pause", "pause", 600.0)
        assert sentence(break_, "zh") == "休息 10 分钟"


class TestRoundabout:
    @pytest.fixture
    def circle(self):
        """Four arms, the circle one-way against the clock; arms 0 south, 1 east, 2 north, 3 west; circle 4–7."""
        corners = [(0, -20), (20, 0), (0, 20), (-20, 0)]
        arms = [("南路", (0, -120)), ("东路", (120, 0)), ("北路", (0, 120)), ("西路", (-120, 0))]
        bows = []
        for place in range(4):
            turn = np.linspace(0, np.pi / 2, 7) + place * np.pi / 2 - np.pi / 2
            bow = [(20 * math.cos(angle), 20 * math.sin(angle)) for angle in turn]
            bow[0], bow[-1] = corners[place], corners[(place + 1) % 4]
            bows.append(("", "residential", "forward", bow))
        ways = [(name, "residential", "both", [far, near]) for (name, far), near in zip(arms, corners, strict=True)]
        return network_of([*ways, *bows])

    @pytest.mark.parametrize(("bows", "arm", "exit_number"), [([4], 1, 1), ([4, 5], 2, 2), ([4, 5, 6], 3, 3)])
    def test_exits_are_counted(self, circle, bows, arm, exit_number):
        junctions = Junctions(circle, "car", frozenset({4, 5, 6, 7}))
        walked = [(0, True, False), *((bow, True, False) for bow in bows), (arm, False, False)]
        steps = steps_of(circle, "car", walked)
        enter, leave = describe_walk(junctions, steps, (), 28_800.0)[1:3]
        assert (enter.manoeuvre, enter.exit_number) == ("roundabout", exit_number)
        assert sentence(enter, "en") == f"Enter the roundabout and take exit {exit_number}"
        assert sentence(leave, "en") == f"Continue straight onto {circle.edges['name'].iloc[arm]}"
