"""Map pages of the served project: rendered when asked for, kept until the project changes."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from dataclasses import dataclass

from api.wording import phrase
from geo.services.project import Store, change_stamp
from geo.services.read_views import read_view
from maps import PAGES, render_page

_INLINE_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_TABS = '<nav class="tabs" aria-label="pages">'


@dataclass(frozen=True)
class Page:
    """A rendered page, the stamp of the project that it shows, and its content security policy."""

    stamp: str
    body: bytes
    etag: str
    policy: str


class PageCache:
    """The pages of one project, each rendered once for each state of the project."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pages: dict[str, Page] = {}
        self._locks = {name: threading.Lock() for name in PAGES}

    def read(self, name: str) -> Page:
        """Return a page of the project as it is now.

        Parameters
        ----------
        name
            One of :data:`maps.PAGES`.

        Raises
        ------
        ProjectNotFoundError
            There is no project yet.
        AssetError
            The page would ask for an outside address.
        """
        with self._locks[name]:
            stamp = change_stamp(self._store)
            page = self._pages.get(name)
            if page is None or page.stamp != stamp:
                page = _page_of(render_page(name, read_view(self._store)), stamp)
                self._pages[name] = page
            return page


def _page_of(document: str, stamp: str) -> Page:
    text = _with_way_back(document)
    body = text.encode()
    return Page(stamp, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', _policy_of(text))


def _with_way_back(document: str) -> str:
    """Return the page with a link to the console before its tabs; on disk it has none, there is no console there."""
    words = phrase("Console")
    link = f'<a href="/" data-console>← {words.__html__()}</a>'
    return document.replace(_TABS, _TABS + link, 1)


def _policy_of(document: str) -> str:
    """Return the policy that lets just the scripts of this page run: names from files cannot bring their own."""
    hashes = []
    for match in _INLINE_SCRIPT.finditer(document):
        if "src=" in match["attributes"] or "application/json" in match["attributes"]:
            continue
        digest = base64.b64encode(hashlib.sha256(match["body"].encode()).digest()).decode()
        hashes.append(f"'sha256-{digest}'")
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
