"""What is asked of a file, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas as gpd
import pandas as pd

from geo.model.reports import Finding

ConvertedFrom = Literal["gcj02", "bd09"]


_CONVERTED_COLUMNS = ("yiwang:converted_from", "yiwang_converted_from", "yiwang_con", "converted_from")
"""Whole, and as a shapefile cuts it."""


@dataclass(frozen=True)
class SourceParams:
    """How to read a file.

    Attributes
    ----------
    layer
        Layer of a file with several; None takes the only one.
    encoding
        Encoding of the attribute text; None finds it.
    crs
        CRS of the coordinates, e.g. ``EPSG:4490``, where the file does not say or says it wrongly.
    swap_xy
        Exchange the axes: for files that hold latitude first.
    converted_from
        The coordinates are GCJ-02 (AMap, Tencent) or BD-09 (Baidu) and are to be converted to WGS 84. Never guessed.
    """

    layer: str | None = None
    encoding: str | None = None
    crs: str | None = None
    swap_xy: bool = False
    converted_from: ConvertedFrom | None = None


@dataclass(frozen=True)
class SourceLayer:
    """A layer as it is in the file.

    Attributes
    ----------
    frame
        Attributes and geometry, in the CRS of the source.
    source, layer
        File name and layer name.
    encoding, encoding_reason, crs_reason
        How the text was decoded and where the CRS comes from (English message ids).
    findings
        What was odd about the file and how it was taken.
    resolution_m
        Step of the coordinates as the file writes them, in metres on the ground; 0 when it shows none.
    converted_from
        ``gcj02`` or ``bd09`` when the coordinates were converted, now on request or before as the file says, else empty.
    said_converted_from
        What the file itself says it was converted from, else empty.
    closed
        Numbers of the features whose rings were closed.
    """

    frame: gpd.GeoDataFrame
    source: str
    layer: str
    encoding: str
    encoding_reason: str
    crs_reason: str
    findings: tuple[Finding, ...] = ()
    resolution_m: float = 0.0
    converted_from: str = ""
    said_converted_from: str = ""
    closed: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """The file, and the layer when its name is another, for messages."""
        return self.source if self.layer == Path(self.source).stem else f"{self.source} · {self.layer}"


def said_by_column(rows: pd.DataFrame) -> str:
    """Return what a column of our own exports says the layer was converted from, else empty."""
    for column in rows.columns:
        if str(column).lower() in _CONVERTED_COLUMNS:
            texts = (str(value).strip() for value in rows[column].dropna())
            return next((text for text in texts if text), "")
    return ""
