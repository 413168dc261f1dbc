"""Files as offices hand them over, written byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

EPSG = 4547


def dbf_bytes(
    values: list[bytes], *, name: bytes = b"NAME", width: int = 40, language_byte: int = 0, type_: bytes = b"C"
) -> bytes:
    """Return a dBase III table with one field, as its specification says."""
    header = bytearray(32)
    header[0], header[1:4] = 3, bytes([124, 1, 1])
    header[4:8] = len(values).to_bytes(4, "little")
    header[8:10] = (32 + 32 + 1).to_bytes(2, "little")
    header[10:12] = (1 + width).to_bytes(2, "little")
    header[29] = language_byte
    field = bytearray(32)
    field[: len(name)] = name
    field[11:12], field[16] = type_, width
    rows = b"".join(b" " + value[:width].ljust(width) for value in values)
    return bytes(header) + bytes(field) + b"\x0d" + rows + b"\x1a"


@pytest.fixture
def write_dbf(tmp_path: Path) -> Callable[..., Path]:
    """Write a .dbf of texts in an encoding, and a .cpg when asked for."""

    def write(
        texts: list[str], encoding: str, *, cpg: str | None = None, width: int = 40, language_byte: int = 0
    ) -> Path:
        path = tmp_path / "网格.dbf"
        path.write_bytes(dbf_bytes([text.encode(encoding) for text in texts], width=width, language_byte=language_byte))
        if cpg is not None:
            path.with_suffix(".cpg").write_text(cpg, "ascii")
        return path

    return write


@pytest.fixture
def write_shapefile(tmp_path: Path) -> Callable[..., Path]:
    """Write a shapefile of points with one text column, then take away or exchange some of its files."""

    def write(
        texts: list[str],
        encoding: str = "GB18030",
        *,
        cpg: str | None = None,
        xy: tuple[float, float] = (500000.0, 3000000.0),
        crs: int | None = EPSG,
        drop: tuple[str, ...] = (),
        width: int = 40,
    ) -> Path:
        path = tmp_path / "设施.shp"
        points = [shapely.Point(xy[0] + 10 * n, xy[1]) for n in range(len(texts))]
        frame = gpd.GeoDataFrame({"NAME": ["x"] * len(texts)}, geometry=points, crs=crs or EPSG)
        pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile")
        if crs is None:
            path.with_suffix(".prj").unlink()
        path.with_suffix(".dbf").write_bytes(dbf_bytes([text.encode(encoding) for text in texts], width=width))
        path.with_suffix(".cpg").unlink(missing_ok=True)
        if cpg is not None:
            path.with_suffix(".cpg").write_text(cpg, "ascii")
        for suffix in drop:
            path.with_suffix(suffix).unlink()
        return path

    return write
