"""The page 路网: the segments of the street network, its dead ends and the parts that are cut off."""

from __future__ import annotations

from typing import Any

import geopandas as gpd

from geo.model.frames import ROAD_CLASSES
from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_classes
from maps.encoding import Encoder, index_values
from maps.findings import list_findings
from maps.labels import label
from maps.palette import NETWORK_STYLES, street_style_list
from maps.scene import MapLayer, Popup, Scene, Swatch, column, has_rows, rows_of
from maps.wording import phrase

ISLAND_COLOUR = "#d6213a"
DEAD_END_COLOUR = "#c2410c"


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the street network."""
    layers = [*community_layer(view, encoder, tinted=False)]
    empty = None
    if has_rows(view, "network_edge"):
        edges = view.layer("network_edge")
        island = _on_island(view)
        layers.extend(_class_layers(edges[~island], encoder))
        if island.any():
            layers.append(_island_layer(edges[island], encoder))
        layers.extend(_dead_end_layer(view, encoder))
    else:
        empty = phrase("No street network yet. Import the streets, then run the step “Build network” (network).")
    layers.extend(label_layer(view, encoder))
    return Scene("network", layers, _context(view), empty)


def _on_island(view: ProjectView) -> Any:
    """Return for each edge whether it is cut off from the main part."""
    edges = view.frames["network_edge"]
    nodes = rows_of(view, "network_node")
    if len(nodes) == 0:
        return edges["edge_id"] < 0
    component = dict(zip(nodes["node_id"], nodes["component"], strict=True))
    return edges["from_node"].map(component).fillna(0) > 0


def _edge_payload(frame: gpd.GeoDataFrame, encoder: Encoder, styles: list[list[str | float]]) -> dict[str, Any]:
    names, name_of = index_values([name or "" for name in frame["name"].fillna("")])
    rows = (
        (phrase("Class"), "class", "text"),
        (phrase("Length"), "length", "m"),
        (phrase("Direction"), "oneway", "text"),
        (phrase("Unified cell"), "cell", "text"),
    )
    return {
        "lines": encoder.lines(frame.geometry),
        "class": street_classes(frame),
        "styles": styles,
        "names": names,
        "name": name_of,
        "columns": {
            "name": {"d": names, "i": name_of},
            "class": column([label("road_class", value) for value in frame["road_class"]]),
            "length": column([round(value, 1) for value in frame["length_m"]]),
            "oneway": column([label("oneway", value) for value in frame["oneway"]]),
            "cell": column(list(frame["cell_code"])),
        },
        "popup": Popup("name", rows, phrase("Street segment")).as_json(),
    }


def _class_layers(frame: gpd.GeoDataFrame, encoder: Encoder) -> list[MapLayer]:
    """Return one layer for each road class, the small streets first."""
    layers = []
    for road_class in reversed(ROAD_CLASSES):
        part = frame[frame["road_class"] == road_class]
        if len(part) == 0:
            continue
        payload = _edge_payload(part, encoder, street_style_list(NETWORK_STYLES))
        swatch = Swatch("line", NETWORK_STYLES[road_class][0])
        title, group = label("road_class", road_class), phrase("Segments by class")
        layers.append(MapLayer(f"edges-{road_class}", "sheet", payload, title, swatch, len(part), group=group))
    return layers


def _island_layer(frame: gpd.GeoDataFrame, encoder: Encoder) -> MapLayer:
    styles: list[list[str | float]] = [[ISLAND_COLOUR, "#ffffff", 5.0] for _ in ROAD_CLASSES]
    payload = _edge_payload(frame, encoder, styles)
    title, group = phrase("Cut-off segments"), phrase("Problems")
    return MapLayer("islands", "sheet", payload, title, Swatch("line", ISLAND_COLOUR), len(frame), group=group)


def _dead_end_layer(view: ProjectView, encoder: Encoder) -> list[MapLayer]:
    if not has_rows(view, "network_node"):
        return []
    nodes = view.layer("network_node")
    ends = nodes[nodes["degree"] == 1]
    if len(ends) == 0:
        return []
    payload = {"at": encoder.points(ends.geometry), "colour": DEAD_END_COLOUR, "radius": 3.2}
    title, group = phrase("Dead ends"), phrase("Problems")
    swatch = Swatch("dot", DEAD_END_COLOUR)
    return [MapLayer("dead-ends", "dots", payload, title, swatch, len(ends), group=group)]


def network_figures(view: ProjectView) -> dict[str, Any]:
    """Return length and number of segments, dead ends and islands."""
    edges, nodes = rows_of(view, "network_edge"), rows_of(view, "network_node")
    figures: dict[str, Any] = {"edges": len(edges), "nodes": len(nodes), "length_m": 0.0}
    figures |= {"islands": 0, "island_m": 0.0, "dead_ends": 0}
    if len(edges):
        figures["length_m"] = float(edges["length_m"].sum())
        figures["island_m"] = float(edges.loc[_on_island(view), "length_m"].sum())
    if len(nodes):
        figures["islands"] = int(nodes.loc[nodes["component"] > 0, "component"].nunique())
        figures["dead_ends"] = int((nodes["degree"] == 1).sum())
    return figures


def _context(view: ProjectView) -> dict[str, Any]:
    edges = rows_of(view, "network_edge")
    classes = []
    for road_class in ROAD_CLASSES if len(edges) else ():
        part = edges[edges["road_class"] == road_class]
        if len(part):
            length_m = float(part["length_m"].sum())
            classes.append({"name": road_class, "length_m": length_m, "colour": NETWORK_STYLES[road_class][0]})
    report = (view.reports.get("network") or [{}])[-1]
    return {
        **network_figures(view),
        "classes": classes,
        "longest_m": max((float(str(row["length_m"])) for row in classes), default=1.0),
        "reachable": {mode: float(share) for mode, share in (report.get("reachable_length_share") or {}).items()},
        "findings": list_findings(report, view.project.epsg),
    }
