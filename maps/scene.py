"""What one page shows: its layers, their legend and the panel beside the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import geopandas as gpd
import pandas as pd

from geo.model.view import ProjectView
from maps.encoding import Bounds, Encoder, index_values
from maps.wording import Phrase, is_missing

LayerKind = Literal["areas", "sheet", "dots", "places", "markers", "route", "heat", "labels"]
_EXTENT_TABLES = (
    "community", "unified_cell", "cell", "network_edge", "street", "facility", "route", "risk_surface", "incident",
)  # fmt: skip


@dataclass(frozen=True)
class Swatch:
    """The sample of a layer in the legend."""

    shape: Literal["fill", "line", "dot", "icon", "none"]
    colour: str = ""
    border: str = ""
    dash: str = ""
    path: str = ""


@dataclass(frozen=True)
class MapLayer:
    """One layer of a map.

    Attributes
    ----------
    key
        Name within the page: lower-case letters, digits, hyphens.
    kind
        Which drawing routine of the page draws it.
    title
        Shown in the legend; a layer without is not listed there and cannot be switched off.
    payload
        JSON object for the drawing routine.
    swatch, count, show, group
        Sample, number of features, whether it is on at first, and heading in the legend.
    """

    key: str
    kind: LayerKind
    payload: Mapping[str, Any]
    title: Phrase | None = None
    swatch: Swatch = Swatch("none")
    count: int | None = None
    show: bool = True
    group: Phrase | None = None


@dataclass(frozen=True)
class Popup:
    """What a click on a feature tells: the column of its title, and rows of label, column, format.

    Formats are ``text``, ``list``, ``count``, ``m``, ``m2``, ``intensity`` and ``sources``.
    """

    title: str
    rows: Sequence[tuple[Phrase, str, str]]
    kicker: Phrase | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the popup as pages embed it."""
        rows = [[title.pair(), column, value_format] for title, column, value_format in self.rows]
        return {"title": self.title, "rows": rows, "kicker": self.kicker.pair() if self.kicker else None}


@dataclass(frozen=True)
class Scene:
    """Everything of one page but its frame.

    Attributes
    ----------
    name
        One of :data:`maps.PAGES`.
    layers
        From the bottom to the top.
    context
        Variables of the template ``<name>.html`` that draws the panel.
    empty
        What to do first when there is nothing to show; None otherwise.
    legend_notes
        Extra rows of the legend: samples with their meaning.
    focus
        Tables whose extent the map opens on; the whole project when they are empty.
    extra
        Further entries of the payload for the page's script.
    """

    name: str
    layers: Sequence[MapLayer]
    context: Mapping[str, Any]
    empty: Phrase | None = None
    legend_notes: Sequence[tuple[Swatch, Phrase]] = field(default_factory=tuple)
    focus: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def extent_of(view: ProjectView, first: tuple[str, ...] = ()) -> Bounds | None:
    """Return the metric bounds of the first layer that says where the project is; a page may prefer its own layers."""
    for table in (*first, *_EXTENT_TABLES):
        if len(view.frames.get(table, ())) > 0:
            minx, miny, maxx, maxy = (float(value) for value in view.layer(table).total_bounds)
            return (minx, miny, maxx, maxy)
    return None


def rows_of(view: ProjectView, table: str) -> pd.DataFrame:
    """Return the frame of a table, or an empty one when the view lacks it."""
    frame = view.frames.get(table)
    return frame if frame is not None else pd.DataFrame()


def has_rows(view: ProjectView, *tables: str) -> bool:
    """Return whether every one of some tables holds a row."""
    return all(len(rows_of(view, table)) > 0 for table in tables)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dictionaries, without geometry."""
    plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def column(values: Sequence[Any]) -> Any:
    """Return a column as pages embed it: missing values as null, repeated ones once."""
    if any(isinstance(value, list) for value in values):
        return list(values)
    plain = [_plain(value) for value in values]
    hashable = [tuple(value) if isinstance(value, list) else value for value in plain]
    distinct, indices = index_values(hashable)
    if len(distinct) * 2 < len(plain):
        return {"d": [list(value) if isinstance(value, tuple) else value for value in distinct], "i": indices}
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Phrase):
        return value.pair()
    if is_missing(value):
        return None
    if isinstance(value, str):
        return value
    number = float(value)
    return int(number) if number.is_integer() else round(number, 4)


def area_layer(
    key: str,
    frame: gpd.GeoDataFrame,
    encoder: Encoder,
    style: Mapping[str, Any],
    *,
    columns: Mapping[str, Sequence[Any]] | None = None,
    popup: Popup | None = None,
    shades: tuple[Sequence[str], Sequence[int]] | None = None,
    extra: Mapping[str, Any] | None = None,
    **listing: Any,
) -> MapLayer:
    """Return a layer of areas.

    Parameters
    ----------
    key, frame, encoder
        Name, rows with geometry, encoder of the page.
    style
        ``color``, ``weight``, ``opacity``, ``dash``, ``fill``, ``fillOpacity``.
    columns, popup
        Values that the popup shows; without popup the layer does not react.
    shades
        Fill colours, and for each row its place among them.
    extra
        Further entries of the payload.
    **listing
        ``title``, ``swatch``, ``count``, ``show``, ``group`` of the layer.
    """
    payload: dict[str, Any] = {
        "areas": encoder.areas(frame.geometry),
        "style": dict(style),
        "columns": {name: column(values) for name, values in (columns or {}).items()},
        "popup": popup.as_json() if popup else None,
        **(extra or {}),
    }
    if shades is not None:
        payload["palette"], payload["shade"] = list(shades[0]), [int(place) for place in shades[1]]
    return MapLayer(key, "areas", payload, **listing)
