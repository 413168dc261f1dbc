"""Conflicts between the departments' borders: as layers of the map, as a list that can be filtered, and as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd

from geo.model.frames import CONFLICT_KINDS
from geo.model.view import ProjectView
from maps.encoding import Encoder
from maps.labels import label
from maps.palette import CONFLICT_COLOURS
from maps.scene import MapLayer, Popup, Swatch, area_layer, has_rows, records, rows_of
from maps.wording import Phrase, is_missing, phrase, verbatim

COMMUNITY = "community"


@dataclass(frozen=True)
class Names:
    """What users read for the keys in the table of conflicts.

    Attributes
    ----------
    zonings
        Zoning → its name.
    cells
        Zoning and code → name of the cell; communities under the zoning ``community``.
    facilities
        Code → name.
    """

    zonings: Mapping[str, str]
    cells: Mapping[tuple[str, str], str]
    facilities: Mapping[str, str]

    def department(self, zoning: Any) -> Phrase | None:
        """Return the name of a zoning, or None where there is none."""
        if is_missing(zoning) or zoning == "":
            return None
        return phrase("community") if zoning == COMMUNITY else verbatim(self.zonings.get(zoning, zoning))

    def cell(self, zoning: Any, code: Any) -> str:
        """Return the name of a cell; its code where it has no name, nothing where there is no cell."""
        return "" if is_missing(code) else str(self.cells.get((zoning, code)) or code)


def zoning_names(view: ProjectView) -> dict[str, str]:
    """Return the name of every zoning, in the order of the table."""
    frame = rows_of(view, "zoning")
    if len(frame) == 0:
        return {}
    return {str(key): str(name) for key, name in zip(frame["zoning_id"], frame["name"], strict=True)}


def names_of(view: ProjectView) -> Names:
    """Return the names of the zonings, cells, communities and facilities of a project."""
    cells: dict[tuple[str, str], str] = {}
    if has_rows(view, "cell"):
        frame = view.frames["cell"]
        cells |= zip(zip(frame["zoning_id"], frame["code"], strict=True), frame["name"], strict=True)
    if has_rows(view, COMMUNITY):
        frame = view.frames[COMMUNITY]
        cells |= {(COMMUNITY, code): name for code, name in zip(frame["code"], frame["name"], strict=True)}
    facilities = rows_of(view, "facility")
    named = dict(zip(facilities["code"], facilities["name"], strict=True)) if len(facilities) else {}
    return Names(zoning_names(view), cells, named)


def ranked_conflicts(view: ProjectView) -> gpd.GeoDataFrame:
    """Return the conflicts with their ``rank``: 1 has the largest area."""
    frame = view.layer("conflict").sort_values(["area_m2", "conflict_key"], ascending=[False, True], ignore_index=True)
    return frame.assign(rank=range(1, len(frame) + 1))


def conflict_layers(view: ProjectView, encoder: Encoder, kinds: tuple[str, ...] = CONFLICT_KINDS) -> list[MapLayer]:
    """Return one layer for each kind of conflict that occurs, in the order of their ranks within."""
    if not has_rows(view, "conflict"):
        return []
    frame, names = ranked_conflicts(view), names_of(view)
    parts = [(kind, frame[frame["kind"] == kind]) for kind in reversed(kinds)]
    return [_layer(kind, part, names, encoder) for kind, part in parts if len(part)]


def _layer(kind: str, part: gpd.GeoDataFrame, names: Names, encoder: Encoder) -> MapLayer:
    colour, rows = CONFLICT_COLOURS[kind], records(part)
    return area_layer(
        f"conflict-{kind}",
        part,
        encoder,
        {"color": colour, "weight": 1.6, "opacity": 0.95, "fill": colour, "fillOpacity": 0.55},
        columns={
            "title": [_parties(row, names) for row in rows],
            "a": [names.department(row["zoning_a"]) for row in rows],
            "cellA": [names.cell(row["zoning_a"], row["cell_a"]) for row in rows],
            "b": [names.department(row["zoning_b"]) for row in rows],
            "cellB": [names.cell(row["zoning_b"], row["cell_b"]) for row in rows],
            "of": [_departments(row, names) for row in rows],
            "community": list(part["community_name"]),
            "area": [round(value, 2) for value in part["area_m2"]],
            "length": [round(value, 2) for value in part["length_m"]],
            "offset": [round(value, 2) for value in part["max_offset_m"]],
            "facilities": list(part["facilities"]),
            "affected": [_facilities(text, names) for text in part["facility_codes"]],
            "suggestion": [suggestion_phrase(row, names) for row in rows],
            "rank": list(part["rank"]),
        },
        popup=_popup(kind),
        title=label("conflict", kind),
        swatch=Swatch("fill", colour, border=colour),
        count=len(part),
        group=phrase("Border conflicts"),
    )


def _popup(kind: str) -> Popup:
    return Popup(
        "title",
        (
            (phrase("Rank"), "rank", "count"),
            (phrase("Community"), "community", "text"),
            (phrase("Area in dispute"), "area", "m2"),
            (phrase("Border in dispute"), "length", "m"),
            (phrase("Largest offset"), "offset", "m"),
            (phrase("Suggested resolution"), "suggestion", "text"),
            (phrase("Facilities inside"), "facilities", "count"),
            (phrase("Affected facilities"), "affected", "list"),
        ),
        label("conflict", kind),
    )


def suggestion_phrase(row: Mapping[str, Any], names: Names) -> Phrase:
    """Return in words what would settle a conflict."""
    if row["suggestion"] in ("follow_a", "follow_b"):
        side = row["suggestion"][-1]
        department = names.department(row[f"zoning_{side}"]) or verbatim("–")
        return phrase("Follow the border of {department}", department=department)
    return label("suggestion", row["suggestion"])


def _parties(row: Mapping[str, Any], names: Names) -> Phrase:
    """Return who disagrees: department and cell on both sides, by name."""
    sides = []
    for side in ("a", "b"):
        department, cell = (
            names.department(row[f"zoning_{side}"]),
            names.cell(row[f"zoning_{side}"], row[f"cell_{side}"]),
        )
        if department is not None:
            sides.append(Phrase(f"{department.zh} {cell}".strip(), f"{department.en} {cell}".strip()))
    return Phrase(" ↔ ".join(side.zh for side in sides) or "–", " ↔ ".join(side.en for side in sides) or "–")


def _departments(row: Mapping[str, Any], names: Names) -> list[int]:
    """Return the places of the zonings concerned among all zonings; communities come after the last."""
    places = {zoning: place for place, zoning in enumerate([*names.zonings, COMMUNITY])}
    return sorted({places[row[side]] for side in ("zoning_a", "zoning_b") if row[side] in places})


def _facilities(text: str, names: Names) -> list[str]:
    return [str(names.facilities.get(code, code)) for code in json.loads(text or "[]")]


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


def concerned_departments(view: ProjectView) -> list[tuple[int, Phrase, int]]:
    """Return place, name and number of conflicts of each department that any conflict concerns."""
    if not has_rows(view, "conflict"):
        return []
    frame, names = view.frames["conflict"], names_of(view)
    found = []
    for place, zoning in enumerate([*names.zonings, COMMUNITY]):
        number = int(((frame["zoning_a"] == zoning) | (frame["zoning_b"] == zoning)).sum())
        title = names.department(zoning)
        if number and title is not None:
            found.append((place, title, number))
    return found


def table_headings() -> list[list[Any]]:
    """Return heading, column and decimals of the table that pages hand out; decimals are None for text."""
    headings: tuple[tuple[Phrase, str, int | None], ...] = (
        (phrase("Rank"), "rank", 0),
        (phrase("Kind of conflict"), "kind", None),
        (phrase("Department A"), "a", None),
        (phrase("Cell A"), "cellA", None),
        (phrase("Department B"), "b", None),
        (phrase("Cell B"), "cellB", None),
        (phrase("Community"), "community", None),
        (phrase("Area in dispute (m²)"), "area", 1),
        (phrase("Border in dispute (m)"), "length", 1),
        (phrase("Largest offset (m)"), "offset", 2),
        (phrase("Facilities inside"), "facilities", 0),
        (phrase("Affected facilities"), "affected", None),
        (phrase("Suggested resolution"), "suggestion", None),
    )
    return [[title.pair(), name, decimals] for title, name, decimals in headings]
