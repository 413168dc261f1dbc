"""The page 一网: the unified cells, and the ranked conflicts between the departments' borders."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import geopandas as gpd

from geo.model.view import ProjectView
from maps.base import community_colours, community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.findings import list_findings
from maps.labels import label
from maps.pages.conflicts import (
    concerned_departments,
    conflict_layers,
    conflict_totals,
    disputed_area,
    table_headings,
    zoning_names,
)
from maps.pages.facilities import facility_layers
from maps.scene import MapLayer, Popup, Scene, Swatch, area_layer, has_rows, rows_of
from maps.wording import Phrase, area_text, count_text, phrase, verbatim

_SMALLEST_SHARE = 0.005


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the unified grid."""
    layers = [*community_layer(view, encoder, tinted=False), *street_layer(view, encoder)]
    names: list[tuple[gpd.GeoDataFrame, str, int]] = []
    if has_rows(view, "unified_cell"):
        layers.append(unified_layer(view, encoder))
        names.append((view.layer("unified_cell"), "name", 16))
    layers.extend(conflict_layers(view, encoder))
    layers.extend(facility_layers(view, encoder, show=False, group=phrase("Facilities")))
    layers.extend(label_layer(view, encoder, names))
    empty = None
    if not has_rows(view, "unified_cell"):
        empty = phrase("No unified grid yet. Import at least two zonings, then run the step “Unify” (unify).")
    extra = {"table": table_headings()} if has_rows(view, "conflict") else {}
    return Scene("unified", layers, _context(view), empty, extra=extra)


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


def _context(view: ProjectView) -> dict[str, Any]:
    report = (view.reports.get("unify") or [{}])[-1]
    unified = rows_of(view, "unified_cell")
    return {
        "totals": conflict_totals(view),
        "departments": concerned_departments(view),
        "cells": len(unified),
        "zonings": zoning_names(view),
        "facts": unify_facts(report, zoning_names(view)),
        "findings": list_findings(report, view.project.epsg),
        "disputed_m2": disputed_area(view),
    }


def unify_facts(report: Mapping[str, Any], zonings: Mapping[str, str]) -> list[tuple[Phrase, Phrase]]:
    """Return how the layer was made, as name and value; nothing for a report that does not tell."""
    if "policy" not in report:
        return []
    params = report.get("params") or {}
    rows = [(phrase("Policy"), _policy_phrase(report["policy"], params, zonings))]
    proposed = bool(report["is_tolerance_proposed"])
    tolerance = f"{report['tolerance_m']:.2g}" if report["tolerance_m"] < 1 else f"{report['tolerance_m']:.1f}"
    message = phrase("proposed from the accuracy of the borders") if proposed else phrase("given")
    rows += [
        (
            phrase("Tolerance"),
            phrase("borders within {metres} m count as the same line ({origin})", metres=tolerance, origin=message),
        ),
        (phrase("Ground moved by snapping"), verbatim(f"≤ {area_text(report['snapped_area_m2'])}")),
        (
            phrase("Slivers dissolved"),
            verbatim(f"{count_text(report['slivers_dissolved'])} · {area_text(report['sliver_area_m2'])}"),
        ),
        (
            phrase("Grid codes"),
            phrase(
                "{kept} kept, {new} new, {ended} ended",
                kept=count_text(report["codes_kept"]),
                new=count_text(report["codes_new"]),
                ended=count_text(report["codes_ended"]),
            ),
        ),
    ]
    return rows


def _policy_phrase(policy: str, params: Mapping[str, Any], zonings: Mapping[str, str]) -> Phrase:
    name = label("policy", policy)
    if policy == "reference":
        leader = str(params.get("reference") or "")
        return phrase("{policy}: {zoning} leads", policy=name, zoning=zonings.get(leader, leader))
    optimise = params.get("optimise") or {}
    if policy == "optimised" and "lower" in optimise:
        lower, upper = (f"{optimise[bound]:,.10g}" for bound in ("lower", "upper"))
        measure = label("measure", optimise.get("measure", "area"))
        return phrase(
            "{policy}: {lower} to {upper} {measure} per cell", policy=name, lower=lower, upper=upper, measure=measure
        )
    return name
