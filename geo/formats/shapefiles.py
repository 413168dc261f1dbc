"""What a shapefile cannot hold by itself: long column names and long texts, with the file beside it that tells of them.

A DBF names its columns with 10 bytes and cuts texts at 254 bytes. Here names are cut between characters and kept apart, a
longer text goes on in further columns, and ``NAME.fields.json`` says which column of the file belongs to which full name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from geo.errors import ParameterError

ENCODING = "GB18030"
FIELDS_SUFFIX = ".fields.json"
_NAME_BYTES, _TEXT_BYTES, _MAX_FIELDS = 10, 254, 255


def write_shapefile(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write a layer as .shp, .shx, .dbf, .prj, .cpg and .fields.json, its text in GB18030.

    Parameters
    ----------
    frame
        Geometry of one kind; texts, numbers. Not changed.
    path
        Ends in ``.shp``.

    Raises
    ------
    ParameterError
        The texts are too long for the format.
    OSError, pyogrio.errors.DataSourceError
        The file cannot be written.
    """
    frame = frame.reset_index(drop=True)
    parts: dict[str, pd.Series] = {}
    owner: dict[str, str] = {}
    for name in (str(column) for column in frame.columns if column != frame.geometry.name):
        for part in _split_texts(frame[name]):
            short = _short_name(name, set(owner))
            owner[short] = name
            parts[short] = part
    if len(parts) > _MAX_FIELDS:
        raise ParameterError(
            "'{file}': the texts are too long for a shapefile ({count} columns of 254 bytes). Export as .gpkg.",
            file=path.name,
            count=len(parts),
        )
    plain = gpd.GeoDataFrame(parts, geometry=frame.geometry.to_numpy(), crs=frame.crs)
    plain.to_file(path, driver="ESRI Shapefile", encoding=ENCODING, engine="pyogrio")
    text = json.dumps(owner, ensure_ascii=False, indent=1)
    path.with_suffix(FIELDS_SUFFIX).write_text(text, encoding="utf-8")


def _short_name(name: str, taken: set[str]) -> str:
    """Return a name of at most 10 bytes, cut between characters, that differs from the taken ones in more than case."""
    lower = {other.casefold() for other in taken}
    short, number = _cut(name, _NAME_BYTES), 1
    while short.casefold() in lower:
        ending = f"_{number}"
        short, number = _cut(name, _NAME_BYTES - len(ending)) + ending, number + 1
    return short


def _cut(text: str, size: int) -> str:
    """Return the longest beginning that takes at most ``size`` bytes in GB18030."""
    return text.encode(ENCODING, "replace")[:size].decode(ENCODING, "ignore")


def _split_texts(values: pd.Series) -> list[pd.Series]:
    """Return a column as columns whose texts fit a DBF; most often the column itself."""
    if not (pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)):
        return [values]
    pieces = [_pieces(value) if isinstance(value, str) else [value] for value in values]
    count = max(map(len, pieces), default=1)
    padded = [row + [None] * (count - len(row)) for row in pieces]
    return [pd.Series([row[i] for row in padded], dtype="object") for i in range(count)]


def _pieces(text: str) -> list[str]:
    """Return a text cut into pieces that fit; none begins or ends with a blank, because a DBF loses it there."""
    pieces = []
    while len(text.encode(ENCODING, "replace")) > _TEXT_BYTES:
        piece = _cut(text, _TEXT_BYTES)
        end = len(piece)
        while end > 1 and (piece[end - 1].isspace() or text[end].isspace()):
            end -= 1
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]


def restore_full_names(frame: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """Return the columns of a shapefile under the full names that the file beside it tells, texts put together again.

    Parameters
    ----------
    frame
        As read. Not changed.
    path
        The shapefile; where no readable ``.fields.json`` lies beside it, or another file's, the frame stays as it is.
    """
    owner = _read_fields(path)
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    if not owner or not any(name in owner for name in columns):
        return frame
    known = set(columns) - set(owner)
    restored: dict[str, Any] = {}
    for name in columns:
        full = owner.get(name, name)
        if name in owner and full in known:
            full = name  # somebody added a column of that name
        if full not in restored:
            restored[full] = frame[name]
        else:
            restored[full] = _joined(restored[full], frame[name])
    return gpd.GeoDataFrame(restored, geometry=frame.geometry, crs=frame.crs)


def is_own_shapefile(path: Path) -> bool:
    """Return whether a shapefile was written here, so that its encoding is certain."""
    cpg = next(
        (sibling for sibling in path.parent.iterdir() if sibling.name.lower() == f"{path.stem}.cpg".lower()), None
    )
    is_stated = cpg is not None and cpg.read_text("ascii", errors="replace").strip().upper() == ENCODING
    return is_stated and bool(_read_fields(path))


def _read_fields(path: Path) -> dict[str, str]:
    name = f"{path.stem}{FIELDS_SUFFIX}".lower()
    found = next((sibling for sibling in path.parent.iterdir() if sibling.name.lower() == name), None)
    if found is None:
        return {}
    try:
        owner = json.loads(found.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}  # the layer can be read without it, under its short names
    is_mapping = isinstance(owner, dict) and all(isinstance(full, str) and full for full in owner.values())
    return owner if is_mapping else {}


def _joined(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return the texts of two columns one behind the other, missing where both are."""
    texts = [
        None if pd.isna(a) and pd.isna(b) else ("" if pd.isna(a) else str(a)) + ("" if pd.isna(b) else str(b))
        for a, b in zip(first, second, strict=True)
    ]
    return pd.Series(texts, index=first.index, dtype="object")
