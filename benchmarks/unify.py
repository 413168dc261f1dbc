"""Unifying any zonings: ours against a chain of ``geopandas.overlay(how="union")``, in the same run.

Usage: ``python -m benchmarks.unify --zonings FILE FILE … --output FILE.json``

Takes any layers of polygons that the import reads; ``FILE::LAYER`` names a layer of a file with several. Both get the same
repaired polygons in the same metric CRS. Ours is timed from polygons to faces with their members and borders, once with
borders of one meaning snapped (what the software does) and once exact; the whole of unifying, with cells and codes, and the
independent check are timed beside it, because the chain has no such steps.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import psutil
import shapely
from numpy.typing import NDArray

from benchmarks.circumstances import circumstances, write_result
from geo.algorithms.partition.check import check_unified
from geo.algorithms.partition.coverage import is_coverage
from geo.algorithms.partition.overlay import Faces, SnapParams, overlay_layers
from geo.algorithms.partition.snapping import propose_tolerance
from geo.algorithms.repair import repair_layer
from geo.algorithms.zoning.codes import CodeScheme
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.unify import Unified, UnifyParams, unify_zonings
from geo.formats.sources import SourceParams, read_source
from geo.model.crs import WGS84_EPSG, default_metric_epsg
from geo.model.frames import empty_frame, require_frame

SMALL_M2 = 100.0
SCHEME = CodeScheme("benchmark", "six digits, for any number of cells", "", 6)


@dataclass(frozen=True)
class Inputs:
    """Layers of polygons in one metric CRS, with the step of their coordinates as their files write them."""

    layers: Mapping[str, gpd.GeoDataFrame]
    resolutions_m: tuple[float, ...]
    epsg: int

    @property
    def polygons(self) -> list[NDArray[np.object_]]:
        """Geometry of each layer."""
        return [frame.geometry.to_numpy() for frame in self.layers.values()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zonings", nargs="+", required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--crs", help="coordinate system of files that state none")
    parser.add_argument("--tolerance", type=float, help="metres; by default what the accuracy of the borders suggests")
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours; the fastest counts")
    parser.add_argument("--no-chain", action="store_true", help="leave geopandas out")
    arguments = parser.parse_args()
    around = circumstances()
    inputs = read_inputs(arguments.zonings, arguments.crs)
    result = compare(inputs, arguments.tolerance, arguments.repeats, with_chain=not arguments.no_chain)
    print(write_result(arguments.output.name, result | around, arguments.output.parent))


def read_inputs(files: Sequence[str], crs: str | None = None) -> Inputs:
    """Return the layers of files, repaired, in the metric CRS that fits the first one."""
    sources = {}
    for file in files:
        path, _, layer = file.partition("::")
        key = Path(path).name if not layer else f"{Path(path).name}::{layer}"
        while key in sources:
            key += "'"
        sources[key] = read_source(Path(path), SourceParams(layer=layer or None, crs=crs))
    west, south, east, north = next(iter(sources.values())).frame.to_crs(WGS84_EPSG).total_bounds
    epsg = default_metric_epsg((west + east) / 2, (south + north) / 2)
    layers = {key: _cells(key, source.frame.to_crs(epsg)) for key, source in sources.items()}
    steps = tuple(float(getattr(source, "resolution_m", 0.0)) for source in sources.values())
    return Inputs({key: frame for key, frame in layers.items() if len(frame)}, steps, epsg)


def _cells(zoning: str, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    rows = repair_layer(frame[[frame.geometry.name]], "MULTIPOLYGON").frame
    codes = [str(number) for number in range(len(rows))]
    columns = {"zoning_id": zoning, "code": codes, "name": codes, "community_name": None, "attributes": "{}"}
    cells: gpd.GeoDataFrame = require_frame("cell", rows.assign(**columns))
    return cells


def compare(inputs: Inputs, tolerance_m: float | None, repeats: int, *, with_chain: bool) -> dict[str, Any]:
    """Return seconds, pieces and errors of ours, and of the chain."""
    polygons = inputs.polygons
    proposed = propose_tolerance(polygons, inputs.resolutions_m)
    tolerance_m = proposed if tolerance_m is None else tolerance_m
    snapped_s, snapped = best(lambda: overlay_layers(polygons, SnapParams(tolerance_m)), repeats)
    exact_s, exact = best(lambda: overlay_layers(polygons), repeats)
    peak = peak_memory_mib()
    unify_s, unified, checks, check_s, conflicts = _unify(inputs, tolerance_m)
    result: dict[str, Any] = {
        "layers": {name: len(frame) for name, frame in inputs.layers.items()},
        "vertices": int(sum(shapely.get_num_coordinates(layer).sum() for layer in polygons)),
        "epsg": inputs.epsg,
        "tolerance_m": tolerance_m,
        "tolerance_proposed_m": proposed,
        "seconds": round(snapped_s, 3),
        **_pieces(snapped, polygons),
        "peak_memory_mib": peak,
        "exact": {"seconds": round(exact_s, 3), **_pieces(exact, polygons)},
        "unify": {
            "seconds": round(unify_s, 3),
            "cells": len(unified.cells),
            "conflicts": conflicts,
            "check_seconds": round(check_s, 3),
            "checks": checks,
        },
        "checker_verdict": "valid"
        if all(checks.values()) and _holds(snapped, polygons) and _holds(exact, polygons)
        else "refused",
    }
    if with_chain:
        result["geopandas_union_chain"] = chain = chain_overlays(list(inputs.layers.values()))
        if "pieces" in chain:
            result["times_faster"] = round(chain["seconds"] / snapped_s, 1)
            result["times_faster_exact"] = round(chain["seconds"] / exact_s, 1)
            result["times_fewer_pieces"] = round(chain["pieces"] / len(snapped.polygons), 1)
    for key, value in result.items():
        print(f"{key}: {value}")
    return result


def _unify(inputs: Inputs, tolerance_m: float) -> tuple[float, Unified, dict[str, bool], float, dict[str, int]]:
    """Unify inside one community that covers all, and let the independent check look at the result."""
    whole = shapely.union_all(np.concatenate(inputs.polygons), grid_size=1e-6)
    columns = {"code": ["000000000001"], "name": ["all"], "street_name": None, "attributes": "{}"}
    multi = whole if whole.geom_type == "MultiPolygon" else shapely.MultiPolygon([whole])
    communities = require_frame("community", gpd.GeoDataFrame(columns, geometry=[multi], crs=inputs.epsg))
    params = UnifyParams(tolerance_m=tolerance_m)
    started = time.perf_counter()
    unified = unify_zonings(inputs.layers, communities, SCHEME, params)
    conflicts, _ = find_conflicts(unified, empty_frame("facility", inputs.epsg), params)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    check = check_unified(
        unified.cells, unified.lineage, inputs.layers, communities, unified.snapped_m2, unified.tolerance_m
    )
    kinds = {str(kind): int(count) for kind, count in conflicts.groupby("kind").size().items()}
    return seconds, unified, dict(check.outcomes), time.perf_counter() - started, kinds


def _pieces(faces: Faces, layers: Sequence[NDArray[np.object_]]) -> dict[str, Any]:
    errors, relative, allowed = [], [], []
    for layer, polygons in enumerate(layers):
        area = shapely.area(polygons)
        error = np.abs(_areas_of_rows(faces, layer, len(polygons)) - area)
        errors.append(error.max(initial=0.0))
        relative.append((error / area).max(initial=0.0))
        allowed.append(float(faces.sweeps.of_layer(layer, len(polygons)).sum()))
    return {
        "faces": len(faces.polygons),
        f"faces_below_{SMALL_M2:.0f}_m2": int((faces.areas_m2 < SMALL_M2).sum()),
        "area_error_m2": float(max(errors)),
        "area_error_relative": float(max(relative)),
        "snapped_area_m2": sum(allowed),
    }


def _areas_of_rows(faces: Faces, layer: int, rows: int) -> NDArray[np.float64]:
    members, overlaps = faces.members[:, layer], faces.overlaps[faces.overlaps[:, 1] == layer]
    held = members >= 0
    area = np.bincount(members[held], weights=faces.areas_m2[held], minlength=rows)
    further: NDArray[np.float64] = area + np.bincount(
        overlaps[:, 2], weights=faces.areas_m2[overlaps[:, 0]], minlength=rows
    )
    return further


def _holds(faces: Faces, layers: Sequence[NDArray[np.object_]]) -> bool:
    """Return whether the faces are a coverage that accounts for every polygon."""
    accounted = True
    for layer, polygons in enumerate(layers):
        area = shapely.area(polygons)
        error = np.abs(_areas_of_rows(faces, layer, len(polygons)) - area)
        allowed = faces.sweeps.of_layer(layer, len(polygons)) + 1e-9 * (area + shapely.length(polygons))
        accounted &= bool((error <= allowed).all())
    return accounted and bool(shapely.is_valid(faces.polygons).all()) and is_coverage(faces.polygons)


def chain_overlays(layers: list[gpd.GeoDataFrame]) -> dict[str, Any]:
    """Time a chain of unions by geopandas, and count its pieces."""
    named = [
        gpd.GeoDataFrame({f"row_{k}": range(len(layer))}, geometry=layer.geometry.to_numpy(), crs=layer.crs)
        for k, layer in enumerate(layers)
    ]
    started = time.perf_counter()
    result = named[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it drops lines and points of the intersections
            for _, layer in pairwise(named):
                result = gpd.overlay(result, layer, how="union", keep_geom_type=True)
    except (shapely.GEOSException, ValueError) as error:
        return {"seconds": round(time.perf_counter() - started, 3), "failed": str(error)[:200]}
    seconds = time.perf_counter() - started
    parts = shapely.area(shapely.get_parts(result.geometry.to_numpy()))
    return {
        "seconds": round(seconds, 3),
        "rows": len(result),
        "pieces": len(parts),
        f"pieces_below_{SMALL_M2:.0f}_m2": int((parts < SMALL_M2).sum()),
        "area_m2": float(parts.sum()),
        "peak_memory_mib": peak_memory_mib(),
    }


def best(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the shortest time and the last outcome."""
    shortest, outcome = float("inf"), None
    for _ in range(repeats):
        started = time.perf_counter()
        outcome = run()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest, outcome


def peak_memory_mib() -> float:
    """Return the largest memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage tells is inherited from the process that started this one
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) / 1024, 1)
    memory = psutil.Process().memory_info()
    return round(getattr(memory, "peak_wset", memory.rss) / 2**20, 1)


if __name__ == "__main__":
    main()
