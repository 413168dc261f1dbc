"""The conflicts on the page 一网: who disagrees, what is affected, and what would settle it."""

from dataclasses import replace

import pytest

from geo.model.frames import SUGGESTIONS
from maps.encoding import Encoder
from maps.pages import conflicts
from maps.pages.unified import unify_facts


@pytest.fixture(scope="module")
def layers(town):
    return {layer.key: layer.payload for layer in conflicts.conflict_layers(town, Encoder(4547, (0, 0)))}


def value(payload, name, index=0):
    held = payload["columns"][name]
    return held[index] if isinstance(held, list) else held["d"][held["i"][index]]


def test_conflict_names_departments_cells_and_facilities(layers):
    border = layers["conflict-border"]
    assert value(border, "rank") == 1
    assert (value(border, "a"), value(border, "b")) == (["综治网格"] * 2, ["党建网格"] * 2)
    assert (value(border, "cellA"), value(border, "cellB")) == ("综治网格第1格", "党建网格第1格")
    assert value(border, "title") == ["综治网格 综治网格第1格 ↔ 党建网格 党建网格第1格"] * 2
    assert value(border, "affected") == ["school1号点"]
    assert value(border, "of") == [0, 1]


def test_suggestion_names_the_department_whose_line_is_better_supported(layers):
    border = layers["conflict-border"]
    assert value(border, "suggestion") == ["以党建网格的边界为准", "Follow the border of 党建网格"]
    assert value(border, "suggestion", 1)[1].startswith("Survey on site")
    assert value(layers["conflict-gap"], "suggestion")[0] == "将缝隙划归相邻网格"


@pytest.mark.parametrize("suggestion", SUGGESTIONS)
def test_every_suggestion_has_words_in_both_languages(suggestion):
    names = conflicts.Names({"party": "党建"}, {}, {})
    row = {"suggestion": suggestion, "zoning_a": "party", "zoning_b": "community"}
    words = conflicts.suggestion_phrase(row, names)
    assert suggestion not in (words.zh, words.en)
    assert words.zh != words.en


def test_communities_are_a_side_of_their_own(town):
    frame = town.frames["conflict"].copy()
    frame["zoning_b"], frame["cell_b"] = "community", "430482001002"
    view = replace(town, frames={**town.frames, "conflict": frame})
    part = {layer.key: layer.payload for layer in conflicts.conflict_layers(view, Encoder(4547, (0, 0)))}
    assert value(part["conflict-gap"], "b") == ["社区", "community"]
    assert value(part["conflict-gap"], "cellB") == "河西社区"
    found = conflicts.concerned_departments(view)
    assert [(place, name.zh, number) for place, name, number in found] == [(1, "综治网格", 6), (3, "社区", 6)]


def test_way_of_unifying_is_told(town):
    facts = {name.en: value for name, value in unify_facts(town.reports["unify"][-1], {"party": "党建网格"})}
    assert facts["Policy"].en == "One zoning leads: 党建网格 leads"
    assert facts["Tolerance"].en == (
        "borders within 1.9 m count as the same line (proposed from the accuracy of the borders)"
    )
    assert facts["Ground moved by snapping"].zh == "≤ 1,234 m²"
    assert facts["Grid codes"].zh == "沿用 20，新增 4，停用 1"


def test_optimised_way_tells_its_bounds(town):
    report = {**town.reports["unify"][-1], "policy": "optimised", "is_tolerance_proposed": False, "tolerance_m": 0.25}
    report["params"] = {"optimise": {"measure": "households", "lower": 300.0, "upper": 500.0}}
    facts = {name.en: value for name, value in unify_facts(report, {})}
    assert facts["Policy"].zh == "均衡优化：每格 300 至 500 户"
    assert facts["Tolerance"].zh == "相距 0.25 m 以内的边界视为同一条线（人工设定）"


def test_report_of_an_older_version_tells_no_way():
    assert unify_facts({"findings": []}, {}) == []


def test_table_has_a_column_for_each_heading(layers):
    columns = {name for _, name, _ in conflicts.table_headings()} - {"kind"}
    assert all(columns <= set(payload["columns"]) for payload in layers.values())
    titles = [tuple(pair) for pair, _, _ in conflicts.table_headings()]
    assert len({zh for zh, _ in titles}) == len({en for _, en in titles}) == len(titles)
