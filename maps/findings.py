"""Findings of the reports as lists beside the map."""

from __future__ import annotations

from typing import Any

from geo.model.text import describe_finding
from maps.projection import latlng_text
from maps.wording import Phrase, said_by_core


def list_findings(report: dict[str, Any], epsg: int) -> list[dict[str, Any]]:
    """Return the findings of a report with their text and, where they have one, their place."""
    found = []
    for finding in report.get("findings") or ():
        x, y = finding.get("x"), finding.get("y")
        found.append(
            {
                "text": _text_of(finding),
                "code": finding.get("code", ""),
                "severity": finding.get("severity", "note"),
                "count": int(finding.get("count", 1)),
                "place": latlng_text(x, y, epsg) if x is not None and y is not None else "",
            }
        )
    return found


def _text_of(finding: dict[str, Any]) -> Phrase:
    whole = {"message": "", "context": {}, **finding}
    return said_by_core(lambda language: describe_finding(whole, language))
