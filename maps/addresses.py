"""The guard at the door: a page that would ask for anything outside its folder is not handed out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from geo.errors import AssetError

_URL_ATTRIBUTES = {
    "src", "href", "xlink:href", "action", "formaction", "poster", "data", "background", "srcset", "ping", "cite",
    "manifest", "longdesc", "usemap", "content",
}  # fmt: skip
_LOCAL = re.compile(
    r"(?:assets/(?!.*\.\.)[\w./-]+|routes/\d+_(?!.*%(?i:2f|5c))[\w.%~-]+\.(?:gpx|kml|html)|[a-z]+\.html(?:\?lang=\w+)?|#[\w-]*"
    r"|data:image/svg\+xml[,;].*|\?lang=\w+)",
    re.DOTALL,
)
_OUTSIDE = re.compile(r"""\b(?:https?|wss?|ftp)://|['"`]//\w""", re.IGNORECASE)
_CSS_REQUEST = re.compile(r"""url\(\s*['"]?([^'")]*)|@import\s+['"]([^'"]*)""", re.IGNORECASE)
_SCRIPT_REQUEST = re.compile(
    r"""\b(?:fetch|import|importScripts|XMLHttpRequest|WebSocket|EventSource|sendBeacon)\s*\(""", re.IGNORECASE
)
_NAMESPACE = re.compile(r"http://www\.w3\.org/[\w./#]+")


class _PageReader(HTMLParser):
    """Raises at the first address that is not local."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if name == "style":
                _require_local_style(value)
            elif name.startswith("on"):
                raise AssetError("The page has an inline event handler: {name}={value}", name=name, value=value[:80])
            elif name in _URL_ATTRIBUTES and not (tag == "meta" and name == "content"):
                _require_local(value)
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            raise AssetError("The page sends the browser elsewhere: {value}", value=values.get("content", ""))
        self._inside = tag if tag in ("script", "style") else ""
        if tag == "script" and values.get("type") == "application/json":
            self._inside = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            _require_local_style(data)
        elif self._inside == "script":
            _require_local_script(data)


def require_local_addresses(document: str) -> str:
    """Return the document when everything it asks for lies in its own folder.

    Looked at are the attributes that make a browser load or go somewhere, style sheets, and scripts; text, embedded
    JSON and XML namespaces ask for nothing.

    Raises
    ------
    AssetError
        An address is not local.
    """
    reader = _PageReader()
    reader.feed(document)
    reader.close()
    return document


def _require_local(address: str) -> None:
    if address and not _LOCAL.fullmatch(address):
        raise AssetError("The page asks for an address outside its folder: {address}", address=address[:200])


def _require_local_style(text: str) -> None:
    for match in _CSS_REQUEST.finditer(text):
        _require_local(match.group(1) or match.group(2) or "")


def _require_local_script(text: str) -> None:
    found = _OUTSIDE.search(_NAMESPACE.sub("", text)) or _SCRIPT_REQUEST.search(text)
    if found:
        start = max(found.start() - 20, 0)
        raise AssetError("A script of the page asks for an outside address: {place}", place=text[start : start + 120])
