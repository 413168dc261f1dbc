"""Coordinates written by hand: degrees, minutes and seconds, thousand separators, full-width digits, two in one cell."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_ANGLE = r"[-+0-9.°º˚\u2032\u2033'\"度分秒NSEWnsew东西南北经纬: ]"
_PAIR = rf"^[\[(]?\s*({_ANGLE}+?)\s*[,;、\t/]\s*({_ANGLE}+?)\s*[\])]?$"
_PAIR_BY_BLANK = r"^[\[(]?\s*([-+]?\d+(?:\.\d+)?)\s+([-+]?\d+(?:\.\d+)?)\s*[\])]?$"
_THOUSANDS = r"^[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$"
_DECIMAL_COMMA = r"^([-+]?\d+),(\d+)$"
_WITH_UNIT = r"^([-+]?\d+(?:\.\d+)?)\s*(?:米|m|M|°|度)$"
_SIDE = r"(?:[NSEW]|[东西南北][经纬]?)?"
_SEXAGESIMAL = (
    rf"^(?P<sign>[-+]?)(?P<before>{_SIDE})\s*(?P<d>\d{{1,3}}(?:\.\d+)?)\s*[°º˚度:\s]\s*"
    r"(?:(?P<m>\d{1,2}(?:\.\d+)?)\s*[\u2032'分:\s]?\s*)?(?:(?P<s>\d{1,2}(?:\.\d+)?)\s*(?:[\u2033\"秒]|'')?)?\s*"
    rf"(?P<after>{_SIDE})$"
)
_WITH_SIDE = rf"^(?P<before>{_SIDE})\s*(?P<d>\d{{1,3}}(?:\.\d+)?)\s*(?P<after>{_SIDE})$"
_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2019": "'", "\u2018": "'", "\u201d": '"', "\u201c": '"'})


def plain_text(value: Any) -> str:
    """Return a cell as text, full-width digits and signs made narrow; empty for a missing one."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value)
    if text.isascii():
        return text.strip()
    # NFKC would part the double prime into two single ones
    text = "".join(char if char in "\u2032\u2033˚º" else unicodedata.normalize("NFKC", char) for char in text)
    return text.translate(_SIGNS).strip()


def split_pairs(texts: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the two coordinates that cells such as ``112.5, 26.9`` hold; empty where there are not two."""
    parts = texts.str.extract(_PAIR)
    by_blank = texts.str.extract(_PAIR_BY_BLANK)
    return parts[0].fillna(by_blank[0]).fillna(""), parts[1].fillna(by_blank[1]).fillna("")


def parse_coordinates(texts: pd.Series) -> NDArray[np.floating[Any]]:
    """Return the numbers that texts mean, NaN where they mean none.

    Read are ``112.5``, ``38,512,345.6``, ``500000 m``, ``112,5``, and degrees with minutes and seconds such as
    ``112°30'15"E``, ``112 30 15``, ``112:30:15`` or ``东经112度30分15秒``. A column in which every comma parts groups of
    three digits has thousand separators; else a comma is the decimal sign. South and west are negative.
    """
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    rest = texts[numbers.isna() & (texts != "")]
    if rest.empty:
        return numbers.to_numpy(dtype=np.float64)
    with_comma = rest[rest.str.contains(",")]
    if with_comma.str.match(_THOUSANDS).all():
        plain = with_comma.str.replace(",", "")
    else:
        plain = with_comma.str.replace(_DECIMAL_COMMA, r"\1.\2", regex=True)
    numbers.loc[plain.index] = pd.to_numeric(plain, errors="coerce")
    with_unit = rest.str.extract(_WITH_UNIT)[0].dropna()
    numbers.loc[with_unit.index] = pd.to_numeric(with_unit)
    still = rest[numbers.loc[rest.index].isna()].str.upper()
    numbers.loc[still.index] = _sexagesimal(still)
    return numbers.to_numpy(dtype=np.float64)


def _sexagesimal(texts: pd.Series) -> pd.Series:
    """Return degrees from degrees, minutes and seconds, or from degrees with a side of the globe."""
    parts, simple = texts.str.extract(_SEXAGESIMAL), texts.str.extract(_WITH_SIDE)
    for name in ("d", "before", "after"):
        parts[name] = parts[name].fillna(simple[name])
    minutes, seconds = (pd.to_numeric(parts[name]).fillna(0.0) for name in ("m", "s"))
    degrees = pd.to_numeric(parts["d"]) + minutes / 60 + seconds / 3600
    side = parts["before"].fillna("") + parts["after"].fillna("")
    is_negative = (parts["sign"] == "-") | side.str.contains("[SW南西]")
    return degrees.where((minutes < 60) & (seconds < 60)).where(~is_negative, -degrees)
