"""The page 覆盖体检: what the grids leave open, cover twice or do not reach, and what imports had to mend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd

from geo.model.frames import empty_frame
from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.labels import label
from maps.pages import health_places as places
from maps.pages.conflicts import Names, conflict_layers, names_of, ranked_conflicts, suggestion_phrase
from maps.pages.facilities import cell_outlines
from maps.pages.health_layers import named_popup, trouble_areas, trouble_dots
from maps.palette import HEALTH_COLOURS
from maps.scene import MapLayer, Popup, Scene, Swatch, column, has_rows, records
from maps.wording import Phrase, area_text, count_text, length_text, phrase, verbatim

LISTED = 60
DRAWN = 4000
"""Places of one list that the map holds at the most, the largest first."""


@dataclass(frozen=True)
class Complaint:
    """One kind of trouble: its figure at the top, its list, and its layer on the map.

    Attributes
    ----------
    key
        Name within the page, and of the layer.
    title
        What it is.
    count
        Number of places.
    figure
        What the top shows for it.
    note
        More about the figure.
    rows
        Title, further text and figure of the places listed, in the order of the layer.
    layer
        Key of the map layer that the rows lead to.
    """

    key: str
    title: Phrase
    count: int
    figure: Phrase
    note: Phrase
    rows: Sequence[tuple[Phrase, Phrase, str]]
    layer: str


def _counted(
    key: str, title: Phrase, frame: gpd.GeoDataFrame, note: Phrase, rows: Sequence[tuple[Phrase, Phrase, str]]
) -> Complaint:
    """Return a complaint whose figure is the number of places, on a layer of its own name."""
    return Complaint(key, title, len(frame), verbatim(count_text(len(frame))), note, rows, key)


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the coverage health."""
    layers = [*community_layer(view, encoder, tinted=False), *street_layer(view, encoder)]
    empty = None
    found: list[tuple[Complaint, list[MapLayer]]] = []
    if has_rows(view, "unified_cell"):
        layers.append(cell_outlines(view, encoder))
        parts: tuple[Callable[[ProjectView, Encoder], list[tuple[Complaint, list[MapLayer]]]], ...] = (
            _conflicts,
            _small_cells,
            _slivers,
            _buildings,
            _facilities,
            _streets,
        )
        found = [one for part in parts for one in part(view, encoder)]
    else:
        empty = phrase("No unified grid yet. Import at least two zonings, then run the step “Unify” (unify).")
    found.extend(_repairs(view, encoder))
    layers.extend(layer for _, drawn in found for layer in drawn)
    layers.extend(label_layer(view, encoder))
    complaints = [complaint for complaint, _ in found]
    context = {
        "complaints": complaints,
        "troubles": places.troubles(view),
        "is_unified": empty is None,
        "is_stale": places.is_stale(view),
        "imports": places.import_rows(view),
        "listed": LISTED,
        "drawn": DRAWN,
    }
    return Scene("health", layers, context, empty)


def _conflicts(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    """Return gaps, overlaps, and ground outside every community."""
    titles = {
        "gap": phrase("Gaps in a zoning"),
        "overlap": phrase("Overlaps in a zoning"),
        "unassigned": phrase("Ground outside every community"),
    }
    epsg = view.project.epsg
    frame = ranked_conflicts(view) if has_rows(view, "conflict") else empty_frame("conflict", epsg)
    drawn = {layer.key: layer for layer in conflict_layers(view, encoder, tuple(titles))}
    names = names_of(view)
    found = []
    for kind, title in titles.items():
        part = frame[frame["kind"] == kind]
        rows = [
            (names.department(row["zoning_a"]) or verbatim("–"), _advice(row, names), area_text(row["area_m2"]))
            for row in records(part.head(LISTED))
        ]
        area_m2 = float(part["area_m2"].sum())
        layer = drawn.get(f"conflict-{kind}")
        complaint = Complaint(
            kind,
            title,
            len(part),
            verbatim(count_text(len(part))),
            verbatim(area_text(area_m2)),
            rows,
            f"conflict-{kind}",
        )
        found.append((complaint, [layer] if layer else []))
    return found


def _advice(row: Mapping[str, Any], names: Names) -> Phrase:
    suggestion, community = suggestion_phrase(row, names), row["community_name"]
    return Phrase(f"{community} · {suggestion.zh}", f"{community} · {suggestion.en}")


def _small_cells(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    frame = places.small_cells(view)
    rows = [
        (
            verbatim(row["name"]),
            phrase("mean width {metres} m", metres=f"{row['width_m']:.1f}"),
            area_text(row["area_m2"]),
        )
        for row in records(frame.head(LISTED))
    ]
    title = phrase("Cells as small as slivers")
    complaint = _counted("small", title, frame, phrase("below the limits of slivers"), rows)
    columns = {
        "name": list(frame["name"]),
        "code": list(frame["code"]),
        "area": list(frame["area_m2"]),
        "width": list(frame["width_m"].round(2)),
        "community": list(frame["community_name"]),
    }
    popup = named_popup(
        title,
        (phrase("Code"), "code", "text"),
        (phrase("Community"), "community", "text"),
        (phrase("Area"), "area", "m2"),
        (phrase("Mean width"), "width", "m"),
    )
    return [(complaint, trouble_areas("small", frame, encoder, columns, popup, title))]


def _slivers(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    frame = places.slivers(view)
    rows = [
        (
            verbatim(row["cell"]),
            phrase("mean width {metres} m", metres=f"{row['mean_width_m']:.1f}"),
            area_text(row["area_m2"]),
        )
        for row in records(frame.head(LISTED))
    ]
    title, area_m2 = phrase("Slivers dissolved"), float(frame["area_m2"].sum())
    complaint = _counted(
        "sliver", title, frame, phrase("{area} joined a neighbouring cell", area=area_text(area_m2)), rows
    )
    part = frame.head(DRAWN)
    columns = {
        "name": list(part["cell"]),
        "code": list(part["cell_code"]),
        "area": [round(value, 1) for value in part["area_m2"]],
        "width": [round(value, 2) for value in part["mean_width_m"]],
    }
    popup = named_popup(
        phrase("Joined the cell"),
        (phrase("Code"), "code", "text"),
        (phrase("Area"), "area", "m2"),
        (phrase("Mean width"), "width", "m"),
    )
    return [(complaint, trouble_areas("sliver", part, encoder, columns, popup, title))]


def _buildings(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    if not has_rows(view, "building"):
        return []
    frame = places.outside(view, "building")
    households = int(frame["households"].fillna(0).sum())
    nameless = phrase("Building without a name")
    rows = [
        (
            verbatim(row["name"]) if row["name"] else nameless,
            phrase("{number} households", number=count_text(row["households"])),
            "",
        )
        for row in records(frame.fillna({"name": "", "households": 0}).head(LISTED))
    ]
    title = phrase("Buildings in no cell")
    complaint = _counted(
        "building", title, frame, phrase("{number} households in them", number=count_text(households)), rows
    )
    part = frame.head(DRAWN)
    names = [name or nameless for name in part["name"].fillna("")]
    columns = {"name": names, "households": list(part["households"])}
    layer = trouble_dots(
        "building", part, encoder, columns, named_popup(title, (phrase("Households"), "households", "count")), title
    )
    return [(complaint, layer)]


def _facilities(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    if not has_rows(view, "facility"):
        return []
    frame = places.outside(view, "facility")
    rows = [(verbatim(row["name"]), label("facility", row["kind"]), "") for row in records(frame.head(LISTED))]
    title, total = phrase("Facilities in no cell"), len(view.frames["facility"])
    complaint = _counted("facility", title, frame, phrase("of {number}", number=count_text(total)), rows)
    part = frame.head(DRAWN)
    columns = {
        "name": list(part["name"]),
        "code": list(part["code"]),
        "kind": [label("facility", kind) for kind in part["kind"]],
    }
    popup = named_popup(title, (phrase("Kind"), "kind", "text"), (phrase("Code"), "code", "text"))
    return [(complaint, trouble_dots("facility", part, encoder, columns, popup, title))]


def _streets(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    if not has_rows(view, "street"):
        return []
    frame, outside_m = places.streets_outside(view, DRAWN)
    nameless = phrase("Street without a name")
    rows = [
        (
            verbatim(row["name"]) if row["name"] else nameless,
            label("road_class", row["road_class"]),
            length_text(row["outside_m"]),
        )
        for row in records(frame.head(LISTED))
    ]
    title = phrase("Streets in no cell")
    complaint = Complaint(
        "street",
        title,
        len(frame),
        verbatim(length_text(outside_m)),
        phrase(
            "of {length}, at {number} places",
            length=length_text(float(view.layer("street").length.sum())),
            number=count_text(len(frame)),
        ),
        rows,
        "street",
    )
    if frame.empty:
        return [(complaint, [])]
    colour = HEALTH_COLOURS["street"]
    payload = {
        "lines": encoder.lines(frame.geometry),
        "class": [0] * len(frame),
        "styles": [[colour, "#ffffff", 5.0]],
        "names": [],
        "name": [0] * len(frame),
        "columns": {
            "name": column([name or nameless for name in frame["name"]]),
            "outside": column([round(value, 1) for value in frame["outside_m"]]),
        },
        "popup": named_popup(title, (phrase("Length outside"), "outside", "m")).as_json(),
    }
    group = phrase("Coverage health")
    return [(complaint, [MapLayer("street", "sheet", payload, title, Swatch("line", colour), len(frame), group=group)])]


def _repairs(view: ProjectView, encoder: Encoder) -> list[tuple[Complaint, list[MapLayer]]]:
    """Return what imports left out, and what they mended."""
    frame, names = places.repairs(view), names_of(view)
    found = []
    for key, title, is_left_out in (
        ("left-out", phrase("Features left out by imports"), True),
        ("repair", phrase("Geometry mended by imports"), False),
    ):
        part = frame[(frame["is_left_out"] == 1) == is_left_out].reset_index(drop=True)
        moved_m2 = float(part["moved_area_m2"].sum())
        note, number = phrase("{area} moved", area=area_text(moved_m2)), len(part)
        listed = [
            (
                label("repair", row["kind"]),
                _repair_source(row, names),
                "" if is_left_out else area_text(row["moved_area_m2"]),
            )
            for row in records(part.head(LISTED))
        ]
        if is_left_out:
            number = places.left_out(view)
            note = (
                phrase("could not be used; correct them in the source") if number else phrase("every feature was taken")
            )
        complaint = Complaint(key, title, len(part), verbatim(count_text(number)), note, listed, key)
        drawn = part.head(DRAWN)
        columns = {
            "kind": [label("repair", kind) for kind in drawn["kind"]],
            "layer": [_layer_title(row, names) for row in records(drawn)],
            "source": list(drawn["source"]),
            "row": [number + 1 for number in drawn["row"]],
            "code": list(drawn["code"]),
            "moved": [round(value, 2) for value in drawn["moved_area_m2"]],
        }
        popup = Popup(
            "kind",
            (
                (phrase("Layer"), "layer", "text"),
                (phrase("File"), "source", "text"),
                (phrase("Feature number"), "row", "count"),
                (phrase("Code"), "code", "text"),
                (phrase("Area moved"), "moved", "m2"),
            ),
            title,
        )
        found.append((complaint, trouble_dots(key, drawn, encoder, columns, popup, title)))
    return found


def _repair_source(row: dict[str, Any], names: Names) -> Phrase:
    layer = _layer_title(row, names)
    what = row["code"] or phrase("feature {number}", number=row["row"] + 1)
    return phrase("{layer} · {what}", layer=layer, what=what)


def _layer_title(row: dict[str, Any], names: Names) -> Phrase:
    if row["zoning_id"]:
        return verbatim(names.zonings.get(row["zoning_id"], row["zoning_id"]))
    return label("table", row["layer"])
