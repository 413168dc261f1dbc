"""The words of itineraries: each has its Chinese, each kind of facility its task, and sentences read well."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from geo.model.frames import FACILITY_KINDS, ROAD_CLASSES
from geo.model.itinerary import ACTIONS, HEADINGS, MANOEUVRES, Instruction, PlannedVisit, clock
from geo.model.itinerary_text import (
    TASK_WORDS,
    TURN_WORDS,
    UNNAMED_WORDS,
    action_phrase,
    details,
    heading_phrase,
    headline,
    say,
    sentence,
    task_phrase,
)
from geo.model.text import Phrase, read_catalogue

TURN = Instruction(
    3, "left", "patrol", "人民路", "primary", "n", 28_800.0, 28_860.0, 0.0, 75.0, ((0.0, 0.0), (0.0, 75.0)), (1,)
)
VISIT = PlannedVisit(2, "F1", "和平小学", "school", 0.0, 20.0, 600.0, (27_000.0, 30_000.0), 20.0, "ne")
STAY = Instruction(4, "visit", "visit", "", "", None, 28_860.0, 29_480.0, 120.0, 0.0, ((0.0, 75.0),), visit=VISIT)


def messages(phrase):
    """Return the message ids that a phrase is made of."""
    found = {phrase.message}
    for value in phrase.context.values():
        if isinstance(value, Phrase):
            found |= messages(value)
    return found


def all_instructions():
    flags = itertools.product(TURN_WORDS, ("人民路", ""), ("", "解放路"), (True, False))
    for manoeuvre, street, junction, stays in flags:
        yield replace(TURN, manoeuvre=manoeuvre, street=street, junction=junction, stays=stays)
    for road_class in (*ROAD_CLASSES, ""):
        yield replace(TURN, street="", road_class=road_class)
    for heading in HEADINGS:
        yield replace(TURN, manoeuvre="depart", heading=heading)
    yield replace(TURN, manoeuvre="roundabout", exit_number=2)
    yield replace(TURN, crosses=tuple("甲乙丙丁戊己"))
    yield replace(STAY, visit=None, manoeuvre="pause", action="pause")
    for is_back in (True, False):
        yield replace(STAY, visit=None, manoeuvre="arrive", action="finish", wait_s=0.0, is_back=is_back)
    for kind in (*FACILITY_KINDS, "unknown"):
        yield replace(STAY, visit=replace(VISIT, kind=kind))
    for action in ACTIONS:
        yield replace(TURN, action=action)


def test_every_word_has_its_chinese():
    found = set()
    for instruction in all_instructions():
        for phrase in (headline(instruction), action_phrase(instruction), *details(instruction)):
            found |= messages(phrase)
    assert len(found) > 70
    assert found <= set(read_catalogue("geo"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_field_is_left_open(language):
    for instruction in all_instructions():
        assert not re.search(r"[{}]", sentence(instruction, language))


def test_chinese_has_no_english_in_it():
    for instruction in all_instructions():
        text = sentence(instruction, "zh")
        assert not re.search("[A-Za-z]", text), text


def test_every_value_has_its_words():
    assert set(TASK_WORDS) == set(FACILITY_KINDS)
    assert set(UNNAMED_WORDS) == set(ROAD_CLASSES)
    assert set(TURN_WORDS) | {"depart", "roundabout", "visit", "pause", "arrive"} == set(MANOEUVRES)
    assert task_phrase("unknown") == task_phrase("other")
    assert say(heading_phrase("nw"), "zh") == "西北"


@pytest.mark.parametrize(
    ("instruction", "zh", "en"),
    [
        (TURN, "左转，进入人民路", "Turn left onto 人民路"),
        (replace(TURN, manoeuvre="depart"), "从人民路向北出发", "Head north on 人民路"),
        (replace(TURN, manoeuvre="continue", stays=True), "在人民路上继续前行", "Continue on 人民路"),
        (replace(TURN, manoeuvre="continue"), "直行，进入人民路", "Continue straight onto 人民路"),
        (replace(TURN, street="", road_class="pedestrian"), "左转，进入无名小路（向北）",
         "Turn left onto an unnamed footpath heading north"),
        (replace(TURN, crosses=tuple("甲乙丙丁戊")), "左转，进入人民路；途中穿过甲、乙、丙、丁等 5 条街道",
         "Turn left onto 人民路; Cross 甲, 乙, 丙, 丁 and more, 5 in all"),
        (
            STAY,
            "第 2 处：和平小学；等候 2 分钟，至 08:01；停留 10 分钟；须在 07:30–08:20 之间开始；路口向东北约 20 米；"
            "上下学时段维持校门秩序，疏导门前车辆",
            "Visit 2: 和平小学; Wait 2 min until 08:01; Stay 10 min; Begin between 07:30 and 08:20; 20 m north-east of the "
            "junction; Keep order at the gate at opening and closing; see that vehicles leave the gate free",
        ),
    ],
)  # fmt: skip
def test_sentences(instruction, zh, en):
    assert (sentence(instruction, "zh"), sentence(instruction, "en")) == (zh, en)


def test_names_with_braces_are_left_alone():
    """A street may be called anything; nothing is filled in twice."""
    assert sentence(replace(TURN, street="{x}路"), "zh") == "左转，进入{x}路"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (28800, "08:00"), (30629, "08:30"), (30631, "08:31"), (86399, "00:00 (+1)"), (90000, "01:00 (+1)")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text
