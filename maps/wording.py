"""Texts of the pages in both languages, and figures as people read them.

A page carries Chinese and English at once; a switch in its header shows one of them. Every English message id stands in
a literal call of :func:`phrase`, or of ``t`` in a template, so that a test can list them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from geo.model.text import Language, translate


@dataclass(frozen=True)
class Phrase:
    """One text in both languages; in a template it becomes two spans of which style sheets show one."""

    zh: str
    en: str

    def __html__(self) -> str:
        """Return safe HTML; called by the template engine."""
        if self.zh == self.en:
            return str(escape(self.zh))
        return Markup('<span data-l="zh">{}</span><span data-l="en">{}</span>').format(self.zh, self.en)

    def pair(self) -> list[str]:
        """Return the texts as pages embed them: Chinese, English."""
        return [self.zh, self.en]


def phrase(message: str, **context: Any) -> Phrase:
    """Return a message of the ``maps`` catalogue; context values may be phrases themselves."""
    zh = {key: value.zh if isinstance(value, Phrase) else value for key, value in context.items()}
    en = {key: value.en if isinstance(value, Phrase) else value for key, value in context.items()}
    return Phrase(translate(message, "zh", package="maps", **zh), translate(message, "en", package="maps", **en))


def verbatim(text: Any) -> Phrase:
    """Return a text that is the same in both languages: a name, a code, a figure."""
    return Phrase(str(text), str(text))


def core_phrase(message: str) -> Phrase:
    """Return a message of the ``geo`` catalogue, such as the reason of an unserved visit."""
    return said_by_core(lambda language: translate(message, language))


def said_by_core(describe: Callable[[Language], str]) -> Phrase:
    """Return what the core says in both languages; English twice when its catalogue is not there."""
    english = describe("en")
    try:
        return Phrase(describe("zh"), english)
    except FileNotFoundError:
        return verbatim(english)


def count_text(value: float) -> str:
    """Return a whole number with separators."""
    return f"{round(value):,}"


def area_text(area_m2: float) -> str:
    """Return an area in m² below 0.1 km², else in km²."""
    if abs(area_m2) < 100_000:
        return f"{area_m2:,.0f} m²"
    return f"{area_m2 / 1e6:,.2f} km²"


def length_text(length_m: float) -> str:
    """Return a length in m below 1 km, else in km."""
    if abs(length_m) < 1000:
        return f"{length_m:,.0f} m"
    return f"{length_m / 1000:,.{1 if abs(length_m) < 100_000 else 0}f} km"


def share_text(share: float) -> str:
    """Return a share 0–1 as per cent."""
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.1f} %"


def fine_share_text(share: float) -> str:
    """Return a share 0–1 as per cent with one decimal; 100 % only when nothing is missing."""
    return "100 %" if share >= 1 else f"{min(100 * share, 99.9):.1f} %"


def clock_text(time_s: float) -> str:
    """Return seconds after midnight as HH:MM; from 24 h on the next day's time with ``+1``."""
    if math.isnan(time_s):
        return "–"
    days, minutes = divmod(round(time_s / 60), 1440)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f" +{days}" if days else "")


def duration_phrase(duration_s: float) -> Phrase:
    """Return a duration in hours and minutes."""
    hours, minutes = divmod(round(duration_s / 60), 60)
    if hours:
        return phrase("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return phrase("{minutes} min", minutes=minutes)


def is_missing(value: Any) -> bool:
    """Return whether a cell of a frame holds nothing."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))
