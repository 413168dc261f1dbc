"""Rendered pages as documents: repeatable, closed to the outside, safe against hostile names."""

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import folium
import pytest
from folium.plugins import Fullscreen, MarkerCluster

from geo.errors import AssetError, ParameterError
from maps import PAGES, render_page, render_pages
from maps.addresses import require_local_addresses
from maps.elements import use_local_files

ROOT = Path(__file__).resolve().parents[3]

DIGESTS = """
import hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("town_view", "tests/town_view.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from maps import PAGES, render_page
view = module.town_view()
for name in PAGES:
    print(name, hashlib.sha256(render_page(name, view).encode()).hexdigest())
"""


class Document(HTMLParser):
    """What a browser would find: elements with their attributes, the text, the scripts, the payload."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self.scripts, self.payload = [], "", "", ""
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        json_script = tag == "script" and dict(attrs).get("type") == "application/json"
        self._inside = "payload" if json_script else tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "payload":
            self.payload += data
        elif self._inside == "script":
            self.scripts += data
        elif self._inside != "style":
            self.text += data


def test_pages_are_those_of_the_design():
    assert PAGES == ("index", "unified", "health", "zonings", "facilities", "network", "routes", "risk")


def test_unknown_page_is_refused(town):
    with pytest.raises(ParameterError, match="no page 'weather'"):
        render_page("weather", town)


@pytest.mark.parametrize("name", PAGES)
def test_two_renders_are_equal(name, town):
    assert render_page(name, town) == render_page(name, town)


def test_processes_with_different_hash_seeds_render_the_same(town):
    def digests(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return dict(line.split() for line in done.stdout.splitlines())

    here = {name: hashlib.sha256(render_page(name, town).encode()).hexdigest() for name in PAGES}
    assert digests("1") == digests("4711") == here


def test_rendering_leaves_folium_as_it_was(town):
    before = list(folium.Map.default_js), list(folium.Map.default_css), list(MarkerCluster.default_js)
    render_page("facilities", town)
    assert before == (list(folium.Map.default_js), list(folium.Map.default_css), list(MarkerCluster.default_js))
    assert all(url.startswith("https://") for _, url in folium.Map.default_js)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("kind", ["town", "hostile_town", "empty_project"])
def test_page_asks_for_nothing_outside_its_folder(name, kind, request):
    document = Document(render_page(name, request.getfixturevalue(kind)))
    loaded = [
        attributes[key]
        for tag, attributes in document.elements
        for key in ("src", "href")
        if key in attributes and not attributes[key].startswith(("#", "data:image/svg+xml,"))
    ]
    assert loaded
    known = re.compile(rf"assets/.*|routes/\d\d_[\w.%~-]+\.(gpx|kml|html)|({'|'.join(PAGES)})\.html")
    assert [address for address in loaded if not known.fullmatch(address)] == []


@pytest.mark.parametrize(
    "fragment",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<script src="//cdn.example/a.js"></script>',
        '<script src="assets/../../a.js"></script>',
        '<link rel="stylesheet" href="http://cdn.example/a.css">',
        '<img srcset="http://cdn.example/a.png 2x">',
        '<a href="https://leafletjs.com">Leaflet</a>',
        '<a href="javascript:alert(1)">x</a>',
        "<style>@import 'https://fonts.example/a.css';</style>",
        "<style>b { background: url(//cdn.example/a.png) }</style>",
        '<b style="background: url(https://cdn.example/a.png)">x</b>',
        "<script>fetch('a.json')</script>",
        "<script>L.tileLayer('https://{s}.tile.example/{z}/{x}/{y}.png')</script>",
        "<script>var a = '//cdn.example/a.js';</script>",
        '<meta http-equiv="refresh" content="0; url=/x">',
        '<b onclick="x()">x</b>',
        '<iframe src="other"></iframe>',
        '<a href="routes/../01_a.gpx">x</a>',
        '<a href="routes/01_%2E%2E%2fa.gpx">x</a>',
        '<a href="routes/../01_a.html">x</a>',
        '<a href="routes/01_a.js">x</a>',
    ],
)
def test_outside_address_raises(fragment):
    with pytest.raises(AssetError):
        require_local_addresses(f"<!DOCTYPE html><html><body>{fragment}</body></html>")


@pytest.mark.parametrize(
    "fragment",
    [
        "<p>© Leaflet, https://leafletjs.com</p>",
        '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
        '<script type="application/json">{"name": "src=\\"https://evil.example\\""}</script>',
        '<script src="assets/leaflet.js"></script><a href="unified.html?lang=en">x</a><a href="#">x</a>',
        '<a href="routes/01_%E4%B8%80..%E9%98%9F%20.gpx">x</a>',
    ],
)
def test_text_and_local_files_pass(fragment):
    document = f"<!DOCTYPE html><html><body>{fragment}</body></html>"
    assert require_local_addresses(document) == document


def test_plugin_without_local_copy_raises():
    drawn = folium.Map(tiles=None)
    Fullscreen().add_to(drawn)
    with pytest.raises(AssetError, match=r"Control\.Fullscreen\.js"):
        use_local_files(drawn)


@pytest.mark.parametrize("name", PAGES)
def test_hostile_names_stay_text(name, town, hostile_town, town_module):
    clean, hostile = Document(render_page(name, town)), Document(render_page(name, hostile_town))
    assert "img" not in {tag for tag, _ in hostile.elements}
    assert not any(key.startswith("on") for _, attributes in hostile.elements for key in attributes)
    assert hostile.scripts == clean.scripts
    assert town_module.HOSTILE.split("<b>")[0] in hostile.text
    assert "<" not in hostile.payload
    json.loads(hostile.payload)


def test_disputed_area_is_that_of_the_report_or_not_shown(town):
    older = replace(town, reports={**town.reports, "unify": [{"findings": []}]})
    for name in ("index", "unified"):
        assert "43,210 m²" in Document(render_page(name, town)).text
        text = Document(render_page(name, older)).text
        assert "43,210 m²" not in text
        assert not re.search(r"m² in dispute|^in dispute$", text, re.MULTILINE)


def test_page_says_which_step_is_missing(empty_project):
    steps = {
        "index": "import",
        "unified": "unify",
        "health": "unify",
        "zonings": "import",
        "facilities": "import",
        "network": "network",
    }
    for name, step in (steps | {"routes": "plan", "risk": "risk"}).items():
        text = Document(render_page(name, empty_project)).text
        assert f"（{step}）" in text
        assert f"({step})" in text


def test_every_page_with_rows_has_no_empty_note(town):
    for name in PAGES:
        assert "empty-note" not in [
            attributes.get("class") for _, attributes in Document(render_page(name, town)).elements
        ]


def test_pages_and_assets_are_written_whole(town, tmp_path, monkeypatch):
    monkeypatch.setattr("maps.document.copy_map_assets", lambda target: target.mkdir(parents=True))
    written = render_pages(town, tmp_path / "pages")
    assert [path.name for path in written] == [f"{name}.html" for name in PAGES]
    assert all(path.read_text(encoding="utf-8") == render_page(path.stem, town) for path in written)
    assert not list(tmp_path.rglob("*.part"))
