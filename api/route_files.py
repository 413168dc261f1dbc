"""What teams take along, gathered for the command line, the interface and the pages: route files and sheets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

from geo.model.routes_view import RoutesView
from geo.services.export_routes import ROUTE_FORMATS, file_name, route_texts
from maps.sheet import SheetLanguage, SheetParams, render_sheet

SHEET_SUFFIX = ".html"
HandoutKind = Literal["gpx", "kml", "geojson", "sheet"]
HANDOUT_KINDS: tuple[HandoutKind, ...] = get_args(HandoutKind)

__all__ = ["HANDOUT_KINDS", "SHEET_POLICY", "HandoutKind", "SheetLanguage", "SheetParams", "handouts"]

SHEET_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of a sheet: it loads nothing and runs nothing."""


def handouts(routes: RoutesView, kinds: Collection[HandoutKind], params: SheetParams) -> dict[str, str]:
    """Return the files of the routes of a plan: name → text.

    Parameters
    ----------
    routes
        Of one plan.
    kinds
        Which kinds of files.
    params
        Of the sheets.

    Raises
    ------
    AssetError
        A sheet would ask for an outside address.
    """
    texts = route_texts(routes, [suffix for suffix in ROUTE_FORMATS if suffix[1:] in kinds])
    if "sheet" in kinds:
        for itinerary in routes.itineraries:
            texts[file_name(itinerary, SHEET_SUFFIX)] = render_sheet(routes, itinerary, params)
    return texts
