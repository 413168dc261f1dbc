"""Folium elements of our own: the page, the map without tiles, and layers drawn from the page's payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import folium
from branca.element import Element, Figure, MacroElement
from folium.elements import JSCSSMixin
from folium.plugins import MarkerCluster
from folium.template import Template
from folium.utilities import JsCode

from geo.errors import AssetError

_LOCAL_FILES: dict[str, str | None] = {
    "leaflet": "assets/leaflet.js",
    "leaflet_css": "assets/leaflet.css",
    "markerclusterjs": "assets/markercluster.js",
    "markerclustercss": "assets/markercluster.css",
    "markerclusterdefaultcss": None,
    "jquery": None,
    "bootstrap": None,
    "bootstrap_css": None,
    "awesome_markers": None,
    "awesome_markers_css": None,
    "awesome_markers_font_css": None,
    "awesome_rotate_css": None,
    "glyphicons_css": None,
}
"""Folium's name of a script or style sheet → our file, or None when our pages do without it."""

WHOLE_CHINA = [[18.0, 73.5], [53.5, 135.0]]


class Page(Figure):
    """A Folium figure whose frame is a template of ours; the template reads ``this.parts``."""

    def __init__(self, frame: Any, parts: Mapping[str, Any]) -> None:
        super().__init__()
        self.parts = parts
        self._name = "Page"
        self._template = frame
        self.header._children.clear()


class DrawnLayer(folium.map.Layer):
    """A layer that the page's script draws from the payload of the same key."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "var {{ this.get_name() }} = yiwang.draw({{ this.key|tojavascript }}, {{ this.kind|tojavascript }});"
        "{% endmacro %}"
    )

    def __init__(self, key: str, kind: str, show: bool) -> None:
        super().__init__(name=key, overlay=True, control=False, show=show)
        self._name = "DrawnLayer"
        self.key = key
        self.kind = kind


class ClusteredLayer(DrawnLayer, MarkerCluster):
    """A drawn layer that needs the files of Folium's marker cluster."""

    _template = DrawnLayer._template

    def __init__(self, key: str, kind: str, show: bool) -> None:
        DrawnLayer.__init__(self, key, kind, show)
        self._name = "ClusteredLayer"


class FitScript(MacroElement):
    """Shows the whole area, clear of the legend, before layers are drawn."""

    _template = Template("{% macro script(this, kwargs) %}yiwang.fit({{ this._parent.get_name() }});{% endmacro %}")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "FitScript"


class StartScript(MacroElement):
    """Hands the map and its layers to the page's script, once all are there."""

    _template = Template(
        "{% macro script(this, kwargs) %}"
        "yiwang.start({{ this._parent.get_name() }}, { "
        "{% for layer in this.layers %}{{ layer.key|tojavascript }}: {{ layer.get_name() }},{% endfor %}"
        "});"
        "{% endmacro %}"
    )

    def __init__(self, layers: Sequence[DrawnLayer]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "StartScript"
        self.layers = layers


def build_map(bounds: list[list[float]]) -> folium.Map:
    """Return a map without tiles that shows some bounds and draws on canvas.

    Folium hands zoom limits to its tiles only; they are set here because marker clusters fail on a map without them.
    """
    drawn = folium.Map(
        location=[(bounds[0][0] + bounds[1][0]) / 2, (bounds[0][1] + bounds[1][1]) / 2],
        zoom_start=13,
        tiles=None,
        prefer_canvas=True,
        zoom_control="bottomright",
        font_size="13px",
        zoom_snap=0.25,
        attribution_control=False,
    )
    options: Any = drawn.options
    options.update(min_zoom=3, max_zoom=20, renderer=JsCode("L.canvas({tolerance: 4, padding: 0.2})"))
    drawn.add_child(FitScript(), name="fit")
    return drawn


def use_local_files(root: Element) -> None:
    """Point every script and style sheet that Folium's elements ask for to our own copies.

    The lists are set on the instances; Folium keeps its own on the classes, which stay as they are.

    Raises
    ------
    AssetError
        An element asks for a file that is not known here.
    """
    for element in walk(root):
        if isinstance(element, JSCSSMixin):
            element.default_js = _localised(element.default_js)
            element.default_css = _localised(element.default_css)


def _localised(links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    local = []
    for name, url in links:
        if name not in _LOCAL_FILES:
            raise AssetError("The map element file '{name}' ({url}) has no local copy.", name=name, url=url)
        path = _LOCAL_FILES[name]
        if path is not None:
            local.append((name, path))
    return local


def number_elements(root: Element) -> None:
    """Replace Folium's random ids by numbers in the order of the tree, so that a document comes out the same again."""
    for number, element in enumerate(walk(root)):
        element._id = f"{number:03d}"


def walk(root: Element) -> list[Element]:
    """Return an element and all below it, parents first."""
    found = [root]
    for child in root._children.values():
        found.extend(walk(child))
    return found
