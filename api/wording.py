"""Texts of the service in both languages: its own catalogue, and what reports and errors of the core say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from geo.model.text import describe_finding, read_catalogue, translate
from maps.wording import Phrase


def phrase(message: str, **context: Any) -> Phrase:
    """Return a message of the ``api`` catalogue in both languages."""
    return Phrase(translate(message, "zh", "api", **context), translate(message, "en", "api", **context))


def all_words() -> dict[str, str]:
    """Return the whole ``api`` catalogue for the scripts of the console: English message id → Chinese."""
    return read_catalogue("api")


def worded_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report with the text of each finding, and of each reason in it, in both languages."""
    worded = dict(report)
    if "findings" in report:
        worded["findings"] = [
            {**finding, "text": describe_finding(finding, "en"), "text_zh": describe_finding(finding, "zh")}
            for finding in report["findings"]
        ]
    for name in ("encoding_reason", "crs_reason"):
        if name in report:
            worded[f"{name}_zh"] = translate(report[name], "zh")
    return worded
