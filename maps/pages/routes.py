"""The page 巡防路线: one layer for each route, its visits in order, and how fairly the work is shared."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pandas as pd

from geo.model.plan import route_file_name
from geo.model.view import ProjectView
from maps.base import community_layer, label_layer, street_layer
from maps.encoding import Encoder
from maps.labels import label
from maps.pages.facilities import cell_outlines
from maps.palette import FACILITY_ICONS, TEAM_COLOURS, cycle
from maps.scene import MapLayer, Popup, Scene, Swatch, column, has_rows, records, rows_of
from maps.wording import clock_text, core_phrase, duration_phrase, is_missing, phrase, verbatim


def compose(view: ProjectView, encoder: Encoder) -> Scene:
    """Return the page of the patrol routes."""
    layers = [*community_layer(view, encoder, tinted=False), *street_layer(view, encoder)]
    if has_rows(view, "unified_cell"):
        layers.append(cell_outlines(view, encoder))
    empty = None
    routes: list[dict[str, Any]] = []
    if has_rows(view, "route"):
        routes = _route_rows(view)
        layers.extend(_route_layer(view, encoder, row) for row in routes)
    else:
        empty = phrase("No patrol plan yet. Import the teams and build the network, then run the step “Plan” (plan).")
    unserved = _unserved(view)
    if len(unserved):
        layers.append(_unserved_layer(view, encoder))
    layers.extend(label_layer(view, encoder))
    notes = () if empty else _notes()
    context = {"routes": routes, "unserved": unserved, "balance": balance_figures(view)}
    return Scene("routes", layers, context, empty, notes, focus=("route",))


def _notes() -> tuple[tuple[Swatch, Any], ...]:
    ink = "#41505e"
    return (
        (Swatch("line", ink), phrase("Patrolled, arrow in walking direction")),
        (Swatch("line", ink, dash="4 5"), phrase("Passed only (deadhead)")),
    )


def balance_figures(view: ProjectView) -> dict[str, Any]:
    """Return how the durations of the routes compare, and the sums over all routes."""
    frame = rows_of(view, "route")
    if len(frame) == 0:
        return {}
    longest, mean = float(frame["duration_s"].max()), float(frame["duration_s"].mean())
    length_m = float(frame["length_m"].sum())
    return {
        "ratio": longest / mean if mean else 1.0,
        "longest": duration_phrase(longest),
        "mean": duration_phrase(mean),
        "routes": len(frame),
        "length_m": length_m,
        "deadhead_m": float(frame["deadhead_m"].sum()),
        "deadhead_share": float(frame["deadhead_m"].sum()) / length_m if length_m else 0.0,
        "visits": int(frame["visits"].sum()),
    }


def _route_rows(view: ProjectView) -> list[dict[str, Any]]:
    """Return the routes with their legs and visits as the panel lists them."""
    legs, visits = rows_of(view, "leg"), rows_of(view, "visit")
    longest_s = float(view.frames["route"]["duration_s"].max()) or 1.0
    rows = []
    columns = view.frames["route"].sort_values("route_no")
    for place, row in enumerate(records(columns)):
        number = row["route_no"]
        rows.append(
            {
                **row,
                "key": f"route-{number}",
                "files": _files(int(number), row["team"]),
                "colour": cycle(TEAM_COLOURS, place),
                "load": float(row["duration_s"]) / longest_s,
                "legs": _of_route(legs, number, "leg_no"),
                "visit_rows": _of_route(visits, number, "sequence"),
            }
        )
    return rows


def _files(number: int, team: str) -> dict[str, str]:
    """Return the addresses of what the team takes along."""
    stem = quote(route_file_name(number, team).removesuffix(".gpx"), safe="")
    return {kind: f"routes/{stem}.{kind}" for kind in ("html", "gpx", "kml")}


def _of_route(frame: pd.DataFrame, number: int, order: str) -> list[dict[str, Any]]:
    if len(frame) == 0:
        return []
    part = pd.DataFrame(frame[frame["route_no"] == number]).sort_values(order)
    return records(part)


def _place_at_depot(view: ProjectView, number: int) -> int:
    """Return how many routes before this one start at the same place, so that their marks stand side by side."""
    routes = view.layer("route").sort_values("route_no")
    starts = {row_no: line.coords[0] for row_no, line in zip(routes["route_no"], routes.geometry, strict=True)}
    return sum(1 for other, start in starts.items() if other < number and start == starts[number])


def _route_layer(view: ProjectView, encoder: Encoder, row: dict[str, Any]) -> MapLayer:
    number = row["route_no"]
    payload: dict[str, Any] = {"colour": row["colour"], "legs": None, "visits": None, "depot": None}
    start = view.layer("route").loc[lambda frame: frame["route_no"] == number].geometry.iloc[0].coords[0]
    payload["depot"] = encoder.corner(start[0], start[1])
    payload["depotPlace"] = _place_at_depot(view, number)
    payload["depotTitle"] = phrase("Depot of {team}", team=row["team"]).pair()
    if has_rows(view, "leg"):
        legs = view.layer("leg")
        payload["legs"] = _leg_payload(legs[legs["route_no"] == number].sort_values("leg_no"), encoder, row["team"])
    if has_rows(view, "visit"):
        visits = view.layer("visit")
        part = visits[visits["route_no"] == number].sort_values("sequence")
        payload["visits"] = _visit_payload(part, encoder, row["team"])
    title = phrase("Route {number} · {team}", number=number, team=row["team"])
    swatch, group = Swatch("line", row["colour"]), phrase("Patrol routes")
    return MapLayer(row["key"], "route", payload, title, swatch, int(row["visits"]), group=group)


def _leg_payload(legs: Any, encoder: Encoder, team: str) -> dict[str, Any]:
    rows = (
        (phrase("Kind"), "kind", "text"),
        (phrase("Length"), "length", "m"),
        (phrase("Entered"), "start", "text"),
        (phrase("Left"), "end", "text"),
    )
    return {
        "lines": encoder.lines(legs.geometry),
        "deadhead": [int(kind == "deadhead") for kind in legs["kind"]],
        "columns": {
            "name": column([name or phrase("Unnamed street") for name in legs["name"]]),
            "kind": column([label("leg", kind) for kind in legs["kind"]]),
            "length": column([round(value, 1) for value in legs["length_m"]]),
            "start": column([clock_text(value) for value in legs["start_s"]]),
            "end": column([clock_text(value) for value in legs["end_s"]]),
        },
        "popup": Popup("name", rows, verbatim(team)).as_json(),
    }


def _visit_payload(visits: Any, encoder: Encoder, team: str) -> dict[str, Any]:
    rows = (
        (phrase("Kind"), "kind", "text"),
        (phrase("Arrival"), "arrive", "text"),
        (phrase("Stay"), "stay", "text"),
        (phrase("Wanted between"), "window", "text"),
    )
    windows = zip(visits["window_start_s"], visits["window_end_s"], strict=True)
    return {
        "at": encoder.points(visits.geometry),
        "number": [int(value) for value in visits["sequence"]],
        "columns": {
            "name": column(list(visits["name"])),
            "kind": column([label("facility", kind) for kind in visits["kind"]]),
            "arrive": column([clock_text(value) for value in visits["arrive_s"]]),
            "stay": column([duration_phrase(value) for value in visits["service_duration_s"]]),
            "window": column([_window(start, end) for start, end in windows]),
        },
        "popup": Popup("name", rows, verbatim(team)).as_json(),
    }


def _window(start_s: float, end_s: float) -> str | None:
    if is_missing(start_s) and is_missing(end_s):
        return None
    start = clock_text(start_s) if not is_missing(start_s) else ""
    end = clock_text(end_s) if not is_missing(end_s) else ""
    return f"{start}–{end}"


def _unserved(view: ProjectView) -> list[dict[str, Any]]:
    rows = _of_route(rows_of(view, "visit"), 0, "code")
    return [{**row, "why": core_phrase(row["reason"])} for row in rows]


def _unserved_layer(view: ProjectView, encoder: Encoder) -> MapLayer:
    visits = view.layer("visit")
    part = visits[visits["route_no"] == 0].sort_values("code")
    rows = ((phrase("Kind"), "kind", "text"), (phrase("Reason"), "reason", "text"))
    payload = {
        "at": encoder.points(part.geometry),
        "colour": "#c0262d",
        "icon": FACILITY_ICONS["other"][1],
        "columns": {
            "name": column(list(part["name"])),
            "kind": column([label("facility", kind) for kind in part["kind"]]),
            "reason": column([core_phrase(reason) for reason in part["reason"]]),
        },
        "popup": Popup("name", rows, phrase("Not served")).as_json(),
    }
    title, swatch = phrase("Not served"), Swatch("dot", "#c0262d")
    return MapLayer("unserved", "markers", payload, title, swatch, len(part), group=phrase("Patrol routes"))
