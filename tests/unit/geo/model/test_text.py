"""Texts for people in two languages."""

from __future__ import annotations

import pickle

from geo.errors import FileFormatError, YiwangError
from geo.model.text import Phrase, describe_error, describe_finding, translate


def test_translation_fills_the_fields() -> None:
    error = FileFormatError("'{file}' does not exist.", file="甲.shp")
    assert describe_error(error, "en") == "'甲.shp' does not exist."
    assert describe_error(error, "zh") == "文件“甲.shp”不存在。"


def test_unknown_message_stays_english() -> None:
    assert translate("Nobody knows {this}.", "zh", this="that") == "Nobody knows that."
    assert describe_error(YiwangError("{ no field"), "zh") == "{ no field"


def test_phrase_inside_a_message_is_translated_with_it() -> None:
    inner = Phrase("{count} features have no geometry and were left out.", count=3)
    error = FileFormatError("'{file}' cannot be read: {reason}", file="a.shp", reason=inner)
    assert "3 features have no geometry" in describe_error(error, "en")
    chinese = describe_error(error, "zh")
    assert "3 " in chinese
    assert "features" not in chinese
    assert describe_error(pickle.loads(pickle.dumps(error)), "zh") == chinese


def test_finding_of_a_report() -> None:
    finding = {"message": "{count} features have no geometry and were left out.", "context": {"count": 2}}
    assert describe_finding(finding, "en").startswith("2 features")
    assert describe_finding(finding, "zh").startswith("2 ")
    assert "features" not in describe_finding(finding, "zh")
