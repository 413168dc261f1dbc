"""Uploaded files: cleaned names, known kinds, one layer at a time."""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from api.errors import UploadError

LAYER_SUFFIXES = (
    ".shp", ".zip", ".gpkg", ".geojson", ".json", ".topojson", ".kml", ".kmz", ".fgb",
    ".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".parquet", ".geoparquet", ".gz",
)  # fmt: skip
"""Files that are a layer, or hold one."""

PART_SUFFIXES = (".dbf", ".shx", ".prj", ".cpg", ".fields.json")
"""Files that lie beside a ``.shp``."""

_MAX_NAME_BYTES = 180
_REFUSED = re.compile(r'[<>:"/\\|?*%~\x00-\x1f\x7f]')
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Upload:
    """One file as it came: the name that the browser gave it and its content."""

    name: str
    content: BinaryIO


@dataclass(frozen=True)
class StoredUpload:
    """Files of one layer on disk: their folder, the main one, and the names of those that were not needed."""

    folder: Path
    main: Path
    ignored: tuple[str, ...]


def clean_name(name: str) -> str:
    """Return a file name without folders and without what file systems or formats may trip over.

    Chinese stays. An empty result means that nothing was left of the name.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    last = _REFUSED.sub("_", "".join(char for char in last if unicodedata.category(char) not in ("Cf", "Cs", "Co")))
    last = last.strip(". ")
    stem, dot, suffix = last.rpartition(".")
    if not dot:
        return ""
    while len(f"{stem}.{suffix}".encode()) > _MAX_NAME_BYTES and stem:
        stem = stem[:-1]
    last = f"{stem}.{suffix}"
    return f"_{last}" if _RESERVED.match(last) else last


def choose_files(names: Sequence[str]) -> tuple[str, list[str]]:
    """Return the main file of an upload and the files that belong to it, itself included.

    Raises
    ------
    UploadError
        No layer, or several.
    """
    layers = [name for name in names if name.lower().endswith(LAYER_SUFFIXES) and not _is_part(name)]
    layers = [
        name for name in layers if not name.lower().endswith(".txt")
    ] or layers  # a text beside a layer describes it
    shapefiles = [name for name in layers if name.lower().endswith(".shp")]
    if len(layers) != 1:
        raise UploadError(
            "An upload must hold exactly one layer; this one holds {count} ({names}). A shapefile is its .shp with .dbf, "
            ".shx and .prj beside it; other layers are one file.",
            count=len(layers),
            names=", ".join(layers) or ", ".join(names) or "-",
        )
    main = layers[0]
    if not shapefiles:
        return main, [main]
    stem = Path(main).stem.lower()
    parts = [name for name in names if name.lower() in {f"{stem}{suffix}" for suffix in PART_SUFFIXES}]
    return main, [main, *parts]


def _is_part(name: str) -> bool:
    return name.lower().endswith(PART_SUFFIXES)


def store_upload(uploads: Sequence[Upload], parent: Path) -> StoredUpload:
    """Write the files of one layer into a new folder.

    Raises
    ------
    UploadError
        No layer, several, two files of one name, or a name that cannot be used.
    """
    by_name: dict[str, Upload] = {}
    for upload in uploads:
        name = clean_name(upload.name)
        if not name or name.lower() in (other.lower() for other in by_name):
            raise UploadError(
                "The file name '{name}' cannot be used, or comes twice. Rename it.", name=upload.name[:100]
            )
        by_name[name] = upload
    main, used = choose_files(list(by_name))
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=parent))
    try:
        for name in used:
            with (folder / name).open("xb") as target:
                shutil.copyfileobj(by_name[name].content, target, 1024 * 1024)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return StoredUpload(folder, folder / main, tuple(name for name in by_name if name not in used))
