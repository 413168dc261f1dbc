"""The sheet that a team takes along: one route on A4, with map, instructions and the way to the phone page."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import segno
from markupsafe import Markup

from geo.errors import ParameterError
from geo.model.itinerary import Instruction, Itinerary
from geo.model.itinerary_text import action_phrase, details, headline, say
from geo.model.routes_view import RoutesView
from geo.model.text import Phrase as CorePhrase
from maps.addresses import require_local_addresses
from maps.document import environment
from maps.labels import label
from maps.palette import TEAM_COLOURS, cycle
from maps.sheet_map import GREY, draw_map, paper_of
from maps.sheet_paper import MAP_WIDTH_MM
from maps.wording import Phrase, clock_text, said_by_core

SheetLanguage = Literal["zh", "en", "both"]
SHEET_LANGUAGES: tuple[SheetLanguage, ...] = ("zh", "en", "both")

_PAGE_MM = 275.0
_FURNITURE_MM = 62.0
_ROW_MM, _LINE_MM = 6.2, 3.7
_MAP_MM = (88.0, 178.0)
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class SheetParams:
    """How sheets are made.

    Attributes
    ----------
    language
        That the sheet opens in; its reader may choose another before printing.
    base_url
        Where the phone pages are served, ``https://…``; empty: the sheet has no QR code and says so.
    date
        Day of the patrol; None leaves a line to write on.
    """

    language: SheetLanguage = "zh"
    base_url: str = ""
    date: dt.date | None = None

    def __post_init__(self) -> None:
        if self.language not in SHEET_LANGUAGES:
            raise ParameterError("Sheets are in {known}.", known=", ".join(SHEET_LANGUAGES))
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise ParameterError(
                "The address of the phone pages must begin with http:// or https://; given was '{given}'.",
                given=self.base_url[:100],
            )


def phone_page_url(base_url: str, route_no: int) -> str:
    """Return the address of a route's page for phones."""
    return f"{base_url.rstrip('/')}/maps/routes.html#{route_no}"


def render_sheet(routes: RoutesView, itinerary: Itinerary, params: SheetParams | None = None) -> str:
    """Return the sheet of a route as a whole HTML document that loads nothing at all.

    Printed at full size the map keeps its scale. Short routes fill one page; on long ones the table goes on, its head on
    every page.

    Parameters
    ----------
    routes
        The plan and its ground.
    itinerary
        One of its routes.
    params
        None takes the usual ones.

    Raises
    ------
    ParameterError
        The route has no instructions.
    AssetError
        The document would ask for an outside address: a defect of ours.
    """
    if not itinerary.instructions:
        raise ParameterError("Route {number} goes nowhere: it has no sheet.", number=itinerary.route_no)
    params = params or SheetParams()
    colour = cycle(TEAM_COLOURS, routes.numbers.index(itinerary.route_no))
    paper = paper_of(itinerary, _map_height_mm(itinerary, params.language))
    url = phone_page_url(params.base_url, itinerary.route_no) if params.base_url else ""
    document = (
        environment()
        .get_template("sheet.html")
        .render(
            routes=routes,
            itinerary=itinerary,
            language=params.language,
            styles=Markup((_HERE / "static" / "sheet.css").read_text(encoding="utf-8")),  # noqa: S704
            colour=colour,
            pass_colour=GREY,
            shift=routes.shifts.get(itinerary.team),
            date=params.date.isoformat() if params.date else "",
            made=routes.created_at.strftime("%Y-%m-%d %H:%M"),
            url=url,
            code=_code(url),
            ratio=paper.ratio,
            map=draw_map(itinerary, paper, routes.streets, routes.buildings, colour),
            rows=[_row(told) for told in itinerary.instructions],
        )
    )
    return require_local_addresses(document)


def _map_height_mm(itinerary: Itinerary, language: SheetLanguage) -> float:
    """Return how high the map is: all that a short table leaves of the page, else what the route's shape wants."""
    rows_mm = sum(_row_mm(told, language) for told in itinerary.instructions)
    left_mm = _PAGE_MM - _FURNITURE_MM - rows_mm
    xy = np.array([place for told in itinerary.instructions for place in told.way])
    wide, tall = np.maximum(xy.max(axis=0) - xy.min(axis=0), 1.0)
    wanted_mm = max(tall / max(wide, tall / 3) * MAP_WIDTH_MM, 120.0)
    low, high = _MAP_MM
    return round(float(min(wanted_mm, left_mm if left_mm >= low else high, high)), 1)


def _row_mm(told: Instruction, language: SheetLanguage) -> float:
    lines = 1 if details(told) else 0
    if told.visit is not None:
        lines += 1
    return _ROW_MM + _LINE_MM * (lines + (1 + lines if language == "both" else 0))


def _code(url: str) -> Markup:
    """Return a QR code as SVG; empty without an address."""
    if not url:
        return Markup()
    code = segno.make(url, error="m", micro=False)
    return Markup(code.svg_inline(omitsize=True, border=1, svgclass="qr", lineclass=None))  # noqa: S704


def _row(told: Instruction) -> dict[str, Any]:
    """Return an instruction as the table shows it."""
    return {
        "number": told.number,
        "icon": told.manoeuvre,
        "action": told.action,
        "headline": _said(headline(told)),
        "action_text": _said(action_phrase(told)),
        "details": [_said(detail) for detail in details(told)],
        "kind": label("facility", told.visit.kind) if told.visit else None,
        "length": f"{told.length_m:,.0f}" if told.arcs else "",
        "clock": clock_text(told.start_s),
        "duration": _minutes(told.duration_s),
    }


def _said(message: CorePhrase) -> Phrase:
    return said_by_core(lambda language: say(message, language))


def _minutes(duration_s: float) -> str:
    """Return a duration as minutes and seconds."""
    minutes, seconds = divmod(round(duration_s), 60)
    return f"{minutes}:{seconds:02d}"
