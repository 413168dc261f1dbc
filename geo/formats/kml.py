"""KML for handhelds and for programs that show places on a globe."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.model.crs import WGS84_EPSG

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LABELS = ("name", "community_name", "team", "cell_code")
_TYPES = {"i": "int", "u": "int", "f": "double", "b": "bool"}


def write_kml(frame: gpd.GeoDataFrame, path: Path, title: str) -> None:
    """Write a layer as KML 2.2: a placemark a feature, named as in the layer, every other column as data of a schema.

    Parameters
    ----------
    frame
        In any CRS; written in degrees of WGS 84.
    path
        The file.
    title
        Name of the layer.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    # the name is that of the placemark: GDAL gives a second column of this name another one
    columns = [str(name) for name in frame.columns if name not in ("name", frame.geometry.name)]
    shapes = frame.geometry.to_crs(WGS84_EPSG).to_numpy()
    labels = next((frame[name] for name in _LABELS if name in frame.columns), None)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">\n<Document>\n')
        file.write(f'<name>{xml_text(title)}</name>\n<Schema name={quoteattr(title)} id="fields">\n')
        file.writelines(f'<SimpleField name={quoteattr(name)} type="{_type(frame[name])}"/>\n' for name in columns)
        file.write(f"</Schema>\n<Folder>\n<name>{xml_text(title)}</name>\n")
        values = zip(*(frame[name] for name in columns), strict=True) if columns else iter([()] * len(frame))
        for number, (row, shape) in enumerate(zip(values, shapes, strict=True)):
            named = None if labels is None else labels.iloc[number]
            label = "" if named is None or pd.isna(named) else f"<name>{xml_text(named)}</name>"
            file.write(f"<Placemark>{label}{_fields(columns, row)}{_geometry(shape)}</Placemark>\n")
        file.write("</Folder>\n</Document>\n</kml>\n")


def _type(values: pd.Series) -> str:
    kind = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
    return _TYPES.get(kind, "string")


def xml_text(value: Any) -> str:
    """Return a text for XML: escaped, without forbidden characters."""
    return escape(without_controls(str(value)))


def without_controls(text: str) -> str:
    """Return a text with U+FFFD for the characters that no XML may hold."""
    return _FORBIDDEN.sub("\ufffd", text)


def _fields(columns: Iterable[str], row: tuple[Any, ...]) -> str:
    data = "".join(
        f"<SimpleData name={quoteattr(name)}>{xml_text(value)}</SimpleData>"
        for name, value in zip(columns, row, strict=True)
        if not (value is None or pd.isna(value))
    )
    return f'<ExtendedData><SchemaData schemaUrl="#fields">{data}</SchemaData></ExtendedData>'


def _geometry(shape: Any) -> str:
    if shape.geom_type.startswith("Multi"):
        return f"<MultiGeometry>{''.join(map(_geometry, shapely.get_parts(shape)))}</MultiGeometry>"
    if shape.geom_type == "Point":
        return f"<Point>{_coordinates(shape)}</Point>"
    if shape.geom_type == "LineString":
        return f"<LineString>{_coordinates(shape)}</LineString>"
    inner = "".join(
        f"<innerBoundaryIs><LinearRing>{_coordinates(ring)}</LinearRing></innerBoundaryIs>" for ring in shape.interiors
    )
    outer = f"<outerBoundaryIs><LinearRing>{_coordinates(shape.exterior)}</LinearRing></outerBoundaryIs>"
    return f"<Polygon>{outer}{inner}</Polygon>"


def _coordinates(shape: Any) -> str:
    places = " ".join(f"{lon:.9f},{lat:.9f}" for lon, lat in shapely.get_coordinates(shape))
    return f"<coordinates>{places}</coordinates>"
