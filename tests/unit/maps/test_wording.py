"""Texts: every message has its Chinese, every enumerated value its label, figures read well."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from geo.model import frames
from geo.model.text import read_catalogue
from maps import labels, palette, wording

ROOT = Path(__file__).resolve().parents[3]


def used_messages():
    method_map = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
    found = extract_from_dir(
        ROOT / "maps",
        method_map=method_map,
        options_map={"templates/**.html": {"silent": "false"}},
        keywords={"phrase": None, "t": None},
    )
    return {message for _, _, message, _, _ in found}


def test_every_message_has_a_chinese_translation_and_none_is_left_over():
    assert len(used_messages()) > 100
    assert used_messages() == set(read_catalogue("maps"))


def test_translations_keep_the_fields():
    for message, text in read_catalogue("maps").items():
        assert sorted(re.findall(r"{\w+}", message)) == sorted(re.findall(r"{\w+}", text)), message


def test_messages_are_literal():
    for path in (ROOT / "maps").rglob("*.py"):
        calls = re.findall(r"\bphrase\((?!\s*[\"'])([^)\s][^)]*)", path.read_text(encoding="utf-8"))
        assert [call for call in calls if not call.startswith("message: str")] == [], path


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("facility", frames.FACILITY_KINDS),
        ("conflict", frames.CONFLICT_KINDS),
        ("road_class", frames.ROAD_CLASSES),
        ("oneway", frames.ONEWAY),
        ("mode", frames.MODES),
        ("team_kind", frames.TEAM_KINDS),
        ("leg", frames.LEG_KINDS),
    ],
)
def test_every_value_has_a_label_in_both_languages(family, values):
    for value in values:
        label = labels.label(family, value)
        assert label.zh != label.en
        assert label.en != value


def test_every_value_has_its_colour():
    assert set(palette.FACILITY_ICONS) == set(frames.FACILITY_KINDS)
    assert set(palette.CONFLICT_COLOURS) == set(frames.CONFLICT_KINDS)
    assert set(palette.STREET_STYLES) == set(palette.NETWORK_STYLES) == set(frames.ROAD_CLASSES)


def test_unknown_value_is_shown_as_it_is():
    assert labels.label("domain", "水务").pair() == ["水务", "水务"]


def test_phrase_escapes_what_it_is_given():
    text = wording.phrase("Depot of {team}", team="<b>一队</b>").__html__()
    assert "<b>" not in text
    assert text.count("&lt;b&gt;一队&lt;/b&gt;") == 2
    assert wording.verbatim("<i>").__html__() == "&lt;i&gt;"


def test_unknown_core_message_is_shown_as_it_is():
    assert wording.core_phrase("A {thing} that nobody translated").zh == "A {thing} that nobody translated"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.area_text(9999.6), "10,000 m²"),
        (wording.area_text(1_234_567), "1.23 km²"),
        (wording.length_text(999), "999 m"),
        (wording.length_text(1234), "1.2 km"),
        (wording.length_text(123_456), "123 km"),
        (wording.share_text(0.0234), "2.3 %"),
        (wording.share_text(0.934), "93 %"),
        (wording.fine_share_text(0.934), "93.4 %"),
        (wording.fine_share_text(0.99999), "99.9 %"),
        (wording.fine_share_text(1.0), "100 %"),
        (wording.clock_text(8 * 3600 + 29), "08:00"),
        (wording.clock_text(25.5 * 3600), "01:30 +1"),
        (wording.clock_text(float("nan")), "–"),
        (wording.duration_phrase(7500).zh, "2 小时 5 分"),
        (wording.duration_phrase(700).en, "12 min"),
    ],
)
def test_figures(text, expected):
    assert text == expected
