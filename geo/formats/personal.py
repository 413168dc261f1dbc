"""Columns that tell of a named person: found by their names, also when cut to 10 bytes, and by their values."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from itertools import product
from typing import Any

import pandas as pd

_DBF_NAME_BYTES = 10
_VALUE = re.compile(
    r"(?<![\d.])(?:1[3-9]\d{9}|[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx])(?!\d|\.\d*[1-9])"
)
"""A mobile number of 11 digits, or a citizen identity number (GB 11643: region, date of birth, sequence, check)."""
_LATIN_WORD = re.compile(r"^[a-z]{4,}$")
_MIN_LATIN = 3


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = tomllib.loads(resources.files("geo.formats").joinpath("columns.toml").read_text("utf-8"))[
        "personal"
    ]
    return words


def _plain(name: str) -> str:
    return re.sub(r"[_\-\s\ufffd]", "", name.strip().casefold())


def _cuts(name: str) -> set[str]:
    """Return what a name comes out as when a DBF cuts it to 10 bytes, a character cut in two left out; empty if it fits."""
    forms = set()
    for encoding in ("gb18030", "utf-8"):
        blob = name.encode(encoding)
        if len(blob) > _DBF_NAME_BYTES:
            forms.add(_plain(blob[:_DBF_NAME_BYTES].decode(encoding, "ignore")))
    return forms


@cache
def _cut_names() -> frozenset[str]:
    """Return the cut forms of all personal names, alone and behind the words that usually stand before them."""
    words = _words()
    names = [*words["names"], *(before + noun for before, noun in product(words["before"], words["nouns"]))]
    return frozenset(form for name in names for form in _cuts(name) if form not in words["before"])


def is_personal_name(column: str) -> bool:
    """Return whether a column tells of a person by its name; names that end like a count do not."""
    words, form = _words(), _plain(column)
    if form.endswith(tuple(words["counts"])):
        return False
    if any(_plain(name) in form for name in words["names"]) or form in {_plain(name) for name in words["whole"]}:
        return True
    return form in _cut_names() or _ends_with_cut_word(column, form)


def _ends_with_cut_word(column: str, form: str) -> bool:
    """Return whether a name of exactly 10 Latin letters ends in the first letters of a personal word, as ``home_telep``."""
    if len(column.strip()) != _DBF_NAME_BYTES or not column.isascii():
        return False
    words = [_plain(name) for name in _words()["names"]]
    return any(
        form.endswith(word[:length])
        for word in words
        if _LATIN_WORD.match(word)
        for length in range(_MIN_LATIN, len(word))
    )


def find_personal_values(frame: pd.DataFrame, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that hold something like a mobile number or an identity number, whatever they are called."""
    texts = {column: frame[column].dropna().astype("str") for column in columns}
    return tuple(column for column, text in texts.items() if text.str.contains(_VALUE).any())
