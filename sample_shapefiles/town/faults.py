"""The faults put into the zonings on purpose, each recorded with its place."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import LineString, Polygon
from shapely.ops import substring

from .warp import PRECISION_M, FloatArray

Fault = dict[str, Any]
GAP_M2, OVERLAP_M2, SLIVER_WIDTH_M = 1500.0, 900.0, 1.4


def _rounded(polygon: shapely.Geometry) -> Polygon:
    """Put the largest part of a geometry on the millimetre grid."""
    parts = [part for part in shapely.get_parts(shapely.set_precision(polygon, PRECISION_M)) if part.area > 0]
    return max(parts, key=lambda part: float(part.area))


def _shared_run(one: Polygon, other: Polygon) -> LineString:
    """Longest common border line of two cells, directed along the ring of ``one``."""
    shared = shapely.line_merge(shapely.intersection(shapely.boundary(one), shapely.boundary(other)))
    lines = [part for part in shapely.get_parts(shared) if isinstance(part, LineString)]
    return max(lines, key=lambda line: float(line.length)) if lines else LineString()


def _find_border(cells: FloatArray, low_m: float, high_m: float, skip: set[int]) -> tuple[int, int, LineString]:
    """First pair of cells, by number, whose common border has a length in the range and a gentle course."""
    tree = shapely.STRtree(cells)
    for one, other in sorted(map(tuple, tree.query(cells, predicate="touches").T)):
        if one >= other or {int(one), int(other)} & skip:
            continue
        run = _shared_run(cells[one], cells[other])
        if low_m < run.length < high_m and run.length < 1.08 * LineString([run.coords[0], run.coords[-1]]).length:
            return int(one), int(other), run
    message = "no border of that length"
    raise ValueError(message)


def _strip(run: LineString, inside: Polygon, area_m2: float) -> Polygon:
    """Cut a strip of about the given area along a border, on the side of one cell."""
    width_m = area_m2 / run.length
    for _ in range(25):
        half = shapely.buffer(run, width_m, cap_style="flat", join_style="mitre")
        strip = _rounded(shapely.intersection(half, inside))
        width_m *= area_m2 / strip.area
    return strip


def _middle_part(run: LineString, length_m: float) -> LineString:
    """Part of a line around its middle."""
    return substring(run, (run.length - length_m) / 2, (run.length + length_m) / 2)


def _record(kind: str, file: str, frame: gpd.GeoDataFrame, rows: list[int], place: shapely.Geometry) -> Fault:
    """Fault entry with the codes of its cells and its place."""
    at = shapely.point_on_surface(place)
    return {
        "kind": kind,
        "file": f"{file}.shp",
        "zoning": file,
        "rows": rows,
        "codes": frame["网格编码"].iloc[rows].tolist(),
        "x": round(float(at.x), 2),
        "y": round(float(at.y), 2),
    }


def spoil_party_grid(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Put a gap, a bow-tie and a blank name into 党建网格."""
    cells = frame.geometry.to_numpy().copy()
    one, other, run = _find_border(cells, 180.0, 420.0, set())
    gap = _strip(_middle_part(run, 110.0), cells[one], GAP_M2)
    cells[one] = _rounded(shapely.difference(cells[one], gap))
    faults = [_record("gap", "党建网格", frame, [one, other], gap) | {"area_m2": round(float(gap.area), 1)}]
    row, tied, loop = _tie_bow(cells, {one, other})
    cells[row] = tied
    tie = _record("self_intersection", "党建网格", frame, [row], loop)
    faults.append(tie | {"area_m2": round(float(loop.area), 2)})
    blank = next(i for i in range(len(cells) // 2, len(cells)) if i not in {one, other, row})
    names = frame["网格名称"].tolist()
    names[blank] = ""
    faults.append(_record("blank_name", "党建网格", frame, [blank], cells[blank]))
    return frame.assign(网格名称=names).set_geometry(gpd.GeoSeries(cells, crs=frame.crs)), faults


def _tie_bow(cells: FloatArray, skip: set[int]) -> tuple[int, Polygon, Polygon]:
    """Cross two sides of one cell on the outer limit of the zoning.

    Returns
    -------
    int
        The cell.
    Polygon
        Its self-intersecting outline.
    Polygon
        The loop that the crossing sides enclose.
    """
    outer = shapely.boundary(shapely.union_all(cells))
    for row in (number for number in range(len(cells)) if number not in skip):
        ring = shapely.get_coordinates(cells[row].exterior)
        for i in range(len(ring) - 1):
            a, b = ring[i], ring[i + 1]
            length = float(np.hypot(*(b - a)))
            if length < 34.0 or shapely.distance(outer, shapely.points((a + b) / 2)) > 0.001:
                continue
            along = (b - a) / length
            outward = np.array([along[1], -along[0]]) * (-1 if cells[row].exterior.is_ccw else 1)
            middle = (a + b) / 2
            first, second = middle + along * 8 - outward * 9, middle - along * 8 - outward * 9
            tied = Polygon(np.round(np.vstack([ring[: i + 1], first, second, ring[i + 1 :]]), 3))
            crossing = shapely.intersection(LineString([a, first]), LineString([second, b]))
            if not tied.is_valid and not crossing.is_empty:
                return row, tied, Polygon([first, second, (crossing.x, crossing.y)])
    message = "no straight side on the outer limit"
    raise ValueError(message)


def spoil_urban_grid(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Put an overlap, a sliver cell and a duplicate code into 城管网格."""
    cells = frame.geometry.to_numpy().copy()
    one, other, run = _find_border(cells, 90.0, 260.0, set())
    strip = _strip(_middle_part(run, 62.0), cells[other], OVERLAP_M2)
    cells[one] = _rounded(shapely.union(cells[one], strip))
    overlap = shapely.intersection(cells[one], cells[other])
    faults = [_record("overlap", "城管网格", frame, [one, other], overlap) | {"area_m2": round(float(overlap.area), 1)}]
    taken = {one, other}
    one, other, run = _find_border(cells, 150.0, 330.0, taken)
    sliver = _rounded(
        shapely.intersection(shapely.buffer(run, SLIVER_WIDTH_M, cap_style="flat", join_style="mitre"), cells[one])
    )
    cells[one] = _rounded(shapely.difference(cells[one], sliver))
    taken |= {one, other}
    rows = frame.to_dict("records")
    for row, cell in zip(rows, cells, strict=True):
        row["geometry"] = cell
    owner, code = rows[one]["所属社区"], rows[one]["网格编码"]
    rows.append(
        rows[one]
        | {
            "网格编码": f"{code[:12]}999",
            "网格名称": f"{owner}第999城管网格",
            "geometry": sliver,
            "面积": round(float(sliver.area), 1),
            "管理等级": "三级",
        }
    )
    double = next(i for i in range(len(cells) // 3, len(cells)) if not {i, i + 1} & taken)
    rows[double + 1]["网格编码"] = rows[double]["网格编码"]
    spoiled = gpd.GeoDataFrame(rows, crs=frame.crs)
    faults.append(
        _record("sliver", "城管网格", spoiled, [len(rows) - 1], sliver)
        | {"area_m2": round(float(sliver.area), 1), "width_m": SLIVER_WIDTH_M, "length_m": round(float(run.length), 1)}
    )
    faults.append(_record("duplicate_code", "城管网格", spoiled, [double, double + 1], cells[double]))
    return spoiled, faults
