"""From a project view to whole pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from geo.errors import ParameterError
from geo.model.view import ProjectView
from maps import wording
from maps.addresses import require_local_addresses
from maps.assets import copy_map_assets, write_text
from maps.elements import (
    WHOLE_CHINA,
    ClusteredLayer,
    DrawnLayer,
    Page,
    StartScript,
    build_map,
    number_elements,
    use_local_files,
)
from maps.encoding import Encoder, to_script_json
from maps.labels import label
from maps.pages import facilities, health, index, network, risk, routes, unified, zonings
from maps.projection import latlng_bounds
from maps.scene import MapLayer, Scene, extent_of

_HERE = Path(__file__).resolve().parent
_STYLES = ("frame.css", "panel.css", "map.css")
_SCRIPTS = ("core.js", "sheets.js", "surface.js", "layers.js", "conflicts.js", "page.js")
_SCENES: dict[str, Callable[[ProjectView, Encoder], Scene]] = {
    "index": index.compose,
    "unified": unified.compose,
    "health": health.compose,
    "zonings": zonings.compose,
    "facilities": facilities.compose,
    "network": network.compose,
    "routes": routes.compose,
    "risk": risk.compose,
}

PAGES = tuple(_SCENES)
"""Names of the pages, in the order of the tabs."""


def render_page(name: str, view: ProjectView) -> str:
    """Return one page as a whole HTML document that loads nothing but ``assets/…`` beside it.

    The same view gives the same document, byte for byte.

    Parameters
    ----------
    name
        One of :data:`PAGES`.
    view
        What to show.

    Raises
    ------
    ParameterError
        No page has that name.
    AssetError
        The document would ask for an outside address: a defect of ours.
    """
    if name not in _SCENES:
        raise ParameterError("There is no page '{name}'. Pages: {pages}.", name=name, pages=", ".join(PAGES))
    bounds = extent_of(view)
    encoder = Encoder.around(bounds, view.project.epsg) if bounds else Encoder(view.project.epsg, (0, 0))
    scene = _SCENES[name](view, encoder)
    focus = extent_of(view, scene.focus)
    corners = latlng_bounds(focus, view.project.epsg) if focus else WHOLE_CHINA
    templates = environment()
    parts = {
        "scene": scene,
        "project": view.project,
        "pages": PAGES,
        "groups": _legend_groups(scene.layers),
        "panel": templates.get_template(f"{name}.html").render(scene=scene, **scene.context),
        "styles": "\n".join(_static(file) for file in _STYLES),
        "scripts": "\n".join(_static(file) for file in _SCRIPTS),
        "payload": to_script_json(_payload(scene, encoder, corners)),
        "has_extent": bounds is not None,
    }
    page = Page(templates.get_template("frame.html"), parts)
    _fill(page, scene, corners)
    return require_local_addresses(page.render())


def render_pages(view: ProjectView, directory: Path) -> list[Path]:
    """Write every page as ``<name>.html``, and beside them the assets they load.

    Each file appears whole or not at all.

    Parameters
    ----------
    view
        What to show.
    directory
        Folder of the pages; made when absent.

    Returns
    -------
    list of Path
        The pages, in the order of the tabs.

    Raises
    ------
    AssetError
        The assets were never fetched; the message names the command.
    """
    copy_map_assets(directory / "assets")
    written = []
    for name in PAGES:
        target = directory / f"{name}.html"
        write_text(target, render_page(name, view))
        written.append(target)
    return written


def _fill(page: Page, scene: Scene, corners: list[list[float]]) -> None:
    """Put the map with its layers on the page, all files local and all ids counted."""
    drawn_map = build_map(corners)
    page.add_child(drawn_map, name="map")
    layers = []
    for layer in scene.layers:
        element = (ClusteredLayer if layer.kind == "markers" else DrawnLayer)(layer.key, layer.kind, layer.show)
        drawn_map.add_child(element, name=layer.key)
        layers.append(element)
    drawn_map.add_child(StartScript(layers), name="start")
    use_local_files(page)
    number_elements(page)


def _payload(scene: Scene, encoder: Encoder, corners: list[list[float]]) -> dict[str, Any]:
    return {
        "page": scene.name,
        "origin": list(encoder.origin),
        "bounds": corners,
        "order": [layer.key for layer in scene.layers],
        "layers": {layer.key: layer.payload for layer in scene.layers},
        "words": {key: text.pair() for key, text in _script_words().items()},
        **scene.extra,
    }


def _script_words() -> dict[str, wording.Phrase]:
    """Return the texts that the page's script makes by itself."""
    return {
        "fullExtent": wording.phrase("Whole area"),
        "perHectare": wording.phrase("incidents per hectare"),
        "allPeriods": wording.phrase("All periods"),
        "border": wording.phrase("border {length}"),
        "offset": wording.phrase("offset {length}"),
        "facilities": wording.phrase("facilities: {count}"),
        "listSeparator": wording.phrase(", "),
        "noneLeft": wording.phrase("No conflict of this choice."),
        "conflictFile": wording.phrase("border-conflicts"),
    }


def _legend_groups(layers: Sequence[MapLayer]) -> list[tuple[wording.Phrase | None, list[MapLayer]]]:
    """Return the listed layers under their headings: the page's own first, the base map last."""
    groups: dict[wording.Phrase | None, list[MapLayer]] = {}
    for layer in layers:
        if layer.title is not None:
            groups.setdefault(layer.group, []).append(layer)
    base = wording.phrase("Base map")
    return sorted(groups.items(), key=lambda item: (item[0] == base, not any(layer.show for layer in item[1])))


def _static(name: str) -> str:
    return (_HERE / "static" / name).read_text(encoding="utf-8")


@cache
def environment() -> jinja2.Environment:
    """Return the templates of the pages and sheets."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        t=wording.phrase,
        label=label,
        count_text=wording.count_text,
        area_text=wording.area_text,
        length_text=wording.length_text,
        share_text=wording.share_text,
        fine_share_text=wording.fine_share_text,
        clock_text=wording.clock_text,
        duration=wording.duration_phrase,
    )
    return made
