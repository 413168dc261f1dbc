"""The page 一网: the unified cells, and the ranked conflicts between the departments' borders."""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd

from geo.model.frames import CONFLICT_KINDS
from geo.model.view import ProjectView
from maps.base import community_colours, community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.findings import list_findings
from maps.labels import label
from maps.pages.facilities import facility_layers
from maps.palette import CONFLICT_COLOURS
from maps.scene import MapLayer, Popup, Scene, Swatch, area_layer, has_rows, records, rows_of
from maps.wording import is_missing, phrase, verbatim

LISTED_CONFLICTS = 200
_SMALLEST_SHARE = 0.005


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the unified grid."""
    layers = [*community_layer(view, encoder, tinted=False), *street_layer(view, encoder)]
    names: list[tuple[gpd.GeoDataFrame, str, int]] = []
    if has_rows(view, "unified_cell"):
        layers.append(unified_layer(view, encoder))
        names.append((view.layer("unified_cell"), "name", 16))
    layers.extend(_conflict_layers(view, encoder))
    layers.extend(facility_layers(view, encoder, show=False, group=phrase("Facilities")))
    layers.extend(label_layer(view, encoder, names))
    empty = None
    if not has_rows(view, "unified_cell"):
        empty = phrase("No unified grid yet. Import at least two zonings, then run the step “Unify” (unify).")
    return Scene("unified", layers, _context(view), empty)


def unified_layer(view: ProjectView, encoder: Encoder, *, plain: bool = False, **listing: Any) -> MapLayer:
    """Return the unified cells: coloured by community, or as borders only."""
    frame = view.layer("unified_cell")
    colours = community_colours(list(frame["community_name"]))
    palette = sorted(set(colours.values()))
    popup = Popup(
        "name",
        (
            (phrase("Code"), "code", "text"),
            (phrase("Community"), "community", "text"),
            (phrase("Area"), "area", "m2"),
            (phrase("Sources"), "sources", "sources"),
        ),
        phrase("Unified cell"),
    )
    style = {"color": "#17324d", "weight": 2.2, "opacity": 0.95, "fillOpacity": 0.5}
    if plain:
        style |= {"weight": 6, "opacity": 0.18, "fillOpacity": 0.0}
    return area_layer(
        "unified",
        frame,
        encoder,
        style,
        columns={
            "code": list(frame["code"]),
            "name": list(frame["name"]),
            "community": list(frame["community_name"]),
            "area": list(frame["area_m2"]),
            "sources": _sources(view),
        },
        popup=popup,
        shades=(palette, [palette.index(colours[name]) for name in frame["community_name"]]),
        extra={"zonings": list(zoning_names(view).values())},
        title=phrase("Unified grid"),
        swatch=Swatch("fill", "transparent" if plain else palette[0], border="#8797a6" if plain else "#17324d"),
        count=len(frame),
        **listing,
    )


def zoning_names(view: ProjectView) -> dict[str, str]:
    """Return the name of every zoning, in the order of the table."""
    frame = rows_of(view, "zoning")
    if len(frame) == 0:
        return {}
    return {str(key): str(name) for key, name in zip(frame["zoning_id"], frame["name"], strict=True)}


def _sources(view: ProjectView) -> list[list[list[Any]]]:
    """Return for each unified cell where it comes from: place of the zoning, cell, share of the unified cell."""
    places = {zoning: place for place, zoning in enumerate(zoning_names(view))}
    cells = rows_of(view, "cell")
    titles: dict[tuple[str, str], str] = {}
    if len(cells):
        keys = zip(cells["zoning_id"], cells["code"], strict=True)
        titles = dict(zip(keys, cells["name"], strict=True))
    found: dict[str, list[list[Any]]] = {}
    lineage = rows_of(view, "lineage")
    if len(lineage):
        columns = (lineage[name] for name in ("cell_code", "zoning_id", "source_code", "share_of_cell"))
        for cell, zoning, source, share in zip(*columns, strict=True):
            if share >= _SMALLEST_SHARE and zoning in places:
                title = _cell_title(source, titles.get((zoning, source)))
                found.setdefault(cell, []).append([places[zoning], title, round(float(share), 3)])
    unified = view.layer("unified_cell")
    for cell, text in zip(unified["code"], unified["sources"], strict=True):
        if cell not in found:
            chosen = json.loads(text or "{}")
            known = [(zoning, source) for zoning, source in chosen.items() if zoning in places]
            found[cell] = [[places[z], _cell_title(source, titles.get((z, source))), None] for z, source in known]
    return [sorted(found[cell], key=lambda row: (row[0], -(row[2] or 0), row[1])) for cell in unified["code"]]


def _cell_title(code: str, name: str | None) -> str:
    return f"{name} · {code}" if name and name != code else str(code)


def _conflict_layers(view: ProjectView, encoder: Encoder) -> list[MapLayer]:
    if not has_rows(view, "conflict"):
        return []
    frame = view.layer("conflict")
    names, cells = zoning_names(view), _cell_names(view)
    layers = []
    for kind in reversed(CONFLICT_KINDS):
        part = frame[frame["kind"] == kind].sort_values("conflict_id")
        if len(part) == 0:
            continue
        colour = CONFLICT_COLOURS[kind]
        titles = [_parties(row, names, cells) for row in records(part)]
        layers.append(
            area_layer(
                f"conflict-{kind}",
                part,
                encoder,
                {"color": colour, "weight": 1.6, "opacity": 0.95, "fill": colour, "fillOpacity": 0.55},
                columns={
                    "title": titles,
                    "community": list(part["community_name"]),
                    "area": list(part["area_m2"]),
                    "length": list(part["length_m"]),
                    "offset": list(part["max_offset_m"]),
                    "facilities": list(part["facilities"]),
                    "rank": list(part["conflict_id"]),
                },
                popup=_conflict_popup(kind),
                title=label("conflict", kind),
                swatch=Swatch("fill", colour, border=colour),
                count=len(part),
                group=phrase("Border conflicts"),
            )
        )
    return layers


def _conflict_popup(kind: str) -> Popup:
    return Popup(
        "title",
        (
            (phrase("Rank"), "rank", "count"),
            (phrase("Community"), "community", "text"),
            (phrase("Area in dispute"), "area", "m2"),
            (phrase("Border in dispute"), "length", "m"),
            (phrase("Largest offset"), "offset", "m"),
            (phrase("Facilities inside"), "facilities", "count"),
        ),
        label("conflict", kind),
    )


def _cell_names(view: ProjectView) -> dict[tuple[str, str], str]:
    """Return zoning and code → the name that the department uses; communities under the zoning ``community``."""
    cells, communities = rows_of(view, "cell"), rows_of(view, "community")
    names = (
        dict(zip(zip(cells["zoning_id"], cells["code"], strict=True), cells["name"], strict=True)) if len(cells) else {}
    )
    if len(communities):
        names |= {
            ("community", code): name for code, name in zip(communities["code"], communities["name"], strict=True)
        }
    return names


def _parties(row: dict[str, Any], names: dict[str, str], cells: dict[tuple[str, str], str]) -> str:
    """Return who disagrees: zoning and cell on both sides, by name."""
    sides = []
    for zoning, cell in ((row["zoning_a"], row["cell_a"]), (row["zoning_b"], row["cell_b"])):
        words = [names.get(zoning, "") if not is_missing(zoning) else "", cells.get((zoning, cell), cell)]
        text = " ".join(str(word) for word in words if word and not is_missing(word))
        if text:
            sides.append(text)
    return " ↔ ".join(sides) or "–"


def conflict_totals(view: ProjectView) -> list[dict[str, Any]]:
    """Return number and area of the conflicts of each kind that occurs."""
    frame = rows_of(view, "conflict")
    totals = []
    for kind in CONFLICT_KINDS if len(frame) else ():
        part = frame[frame["kind"] == kind]
        if len(part):
            area_m2 = float(part["area_m2"].sum())
            totals.append({"kind": kind, "count": len(part), "area_m2": area_m2, "colour": CONFLICT_COLOURS[kind]})
    return totals


def disputed_area(view: ProjectView) -> float | None:
    """Return the area on which departments disagree, each place counted once; None where the report does not tell."""
    area_m2 = (view.reports.get("unify") or [{}])[-1].get("disputed_area_m2")
    return None if area_m2 is None else float(area_m2)


def _context(view: ProjectView) -> dict[str, Any]:
    names, cells = zoning_names(view), _cell_names(view)
    frame = rows_of(view, "conflict")
    rows = records(frame.sort_values("conflict_id")) if len(frame) else []
    seen: dict[str, int] = {}
    listed: list[dict[str, Any]] = []
    for row in rows:
        place = seen[row["kind"]] = seen.get(row["kind"], -1) + 1
        if len(listed) < LISTED_CONFLICTS:
            community = "" if is_missing(row["community_name"]) else row["community_name"]
            listed.append(
                {**row, "place": place, "parties": _parties(row, names, cells), "community": verbatim(community),
                 "colour": CONFLICT_COLOURS[row["kind"]]}
            )  # fmt: skip
    return {
        "conflicts": listed,
        "unlisted": len(rows) - len(listed),
        "totals": conflict_totals(view),
        "cells": len(rows_of(view, "unified_cell")),
        "pieces": int(rows_of(view, "unified_cell")["pieces"].sum()) if has_rows(view, "unified_cell") else 0,
        "zonings": names,
        "findings": list_findings((view.reports.get("unify") or [{}])[-1], view.project.epsg),
        "disputed_m2": disputed_area(view),
    }
