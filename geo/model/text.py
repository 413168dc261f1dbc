"""Texts for people: English message ids, Chinese catalogues.

A catalogue is a gettext ``.po`` file; it is read on first use, so that importing costs nothing and no compiled copy can
fall behind its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from geo.errors import YiwangError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_PHRASES = ("reason", "compared")
"""Fields of findings that hold messages."""
_PACKAGES = ("geo", "maps", "api")
_ROOT = Path(__file__).resolve().parents[2]


class Phrase(str):
    """A message inside the context of another one: English as it stands, put into the reader's language with it.

    Parameters
    ----------
    message
        English message id.
    **context
        Fills its ``{fields}``.
    """

    message: str
    context: dict[str, Any]

    def __new__(cls, message: str, **context: Any) -> Phrase:
        """Format the English text and remember what it was made of."""
        phrase = super().__new__(cls, message.format(**context) if context else message)
        phrase.message, phrase.context = message, context
        return phrase


@cache
def read_catalogue(package: str) -> dict[str, str]:
    """Read the Chinese catalogue of a top-level package.

    Parameters
    ----------
    package
        ``"geo"``, ``"maps"`` or ``"api"``: the catalogue is ``<package>/locale/zh_CN/LC_MESSAGES/yiwang.po``.

    Returns
    -------
    dict[str, str]
        English message id → Chinese text, empty translations left out.
    """
    from babel.messages.pofile import read_po

    path = _ROOT / package / "locale" / "zh_CN" / "LC_MESSAGES" / "yiwang.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    return {str(message.id): str(message.string) for message in catalogue if message.id and message.string}


def translate(message: str, language: Language, package: str = "geo", **context: Any) -> str:
    """Return a message in a language, its ``{fields}`` filled.

    A message without translation stays English: a test keeps the catalogues complete.
    """
    text = read_catalogue(package).get(message, message) if language == "zh" else message
    context = {
        key: translate(value.message, language, package, **value.context) if isinstance(value, Phrase) else value
        for key, value in context.items()
    }
    return text.format(**context) if context else text


def describe_error(error: YiwangError, language: Language) -> str:
    """Return what an error says to a person in a language; any package may raise errors of its own."""
    packages = [package for package in _PACKAGES if error.template in read_catalogue(package)] or ["geo"]
    return translate(error.template, language, packages[0], **error.context)


def describe_finding(finding: Mapping[str, Any], language: Language) -> str:
    """Return what a finding of a report (as JSON object) says to a person; phrases inside it are translated too."""
    context = {
        key: translate(value, language) if key in _PHRASES else value for key, value in finding["context"].items()
    }
    return translate(finding["message"], language, **context)
