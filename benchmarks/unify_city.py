"""Unifying a made-up city: against a chain of overlays, with two processes, growing, and after an edit.

Usage: ``python -m benchmarks.unify_city [--output FILE.json] [--largest COMMUNITIES] [--edits N] [--only PART]``

The cities come from :mod:`benchmarks.synthetic_city`: four zonings with about 18,000 cells together in 256 communities, and
the same with 10 and 100 times as many cells for growth. What is timed is the whole of unifying: overlay with snapping,
slivers, cells, grid codes, lineage, conflicts; the independent check is timed beside it. Edits are timed from the call to
the committed transaction in a GeoPackage.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from benchmarks.circumstances import RESULTS, circumstances, write_result
from benchmarks.synthetic_city import EPSG, City, CityParams, make_city
from benchmarks.unify import SCHEME, chain_overlays, peak_memory_mib
from geo.algorithms.partition.check import check_unified
from geo.algorithms.partition.overlay import SnapParams, overlay_layers
from geo.algorithms.partition.snapping import propose_tolerance
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.unify import Surroundings, UnifyParams, unify_zonings
from geo.algorithms.zoning.workers import start_workers
from geo.model.frames import empty_frame
from geo.model.project import Project
from geo.services.edit_cells import apply_edit
from geo.services.unify_zonings import unify_zonings as unify_project
from geo.storage.store import Store, open_store

CITY = 16
"""Rows and columns of communities of the city of 18,000 cells."""
GROWTH = (16, 51, 160)
"""Rows and columns for 1, 10 and 100 times as many cells; the last has about 1,000,000 faces."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=RESULTS / "unify_city.json")
    parser.add_argument("--largest", type=int, default=GROWTH[-1], help="rows of communities of the largest city")
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--only", choices=("processes", "edits"), help="one and two processes on two sizes, or edits")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--processes", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(_time_city(arguments.one, arguments.processes)))
        return
    around = circumstances()
    if arguments.only:
        part = _compare_processes() if arguments.only == "processes" else {"edits": _time_edits(arguments.edits)}
        print(write_result(f"unify_city_{arguments.only}.json", part | around, arguments.output.parent))
        return
    body = {
        "city": _against_chain(),
        "growth": [_fresh(size, 1) for size in GROWTH if size <= arguments.largest],
        "edits": _time_edits(arguments.edits),
    }
    growth = body["growth"]
    body["growth_factors"] = [
        {"cells": round(b["source_cells"] / a["source_cells"], 2), "seconds": round(b["seconds"] / a["seconds"], 2)}
        for a, b in pairwise(growth)
    ]
    print(json.dumps(body, indent=1))
    print(write_result(arguments.output.name, body | around, arguments.output.parent))


def _compare_processes() -> dict[str, Any]:
    """Time two cities by one process and by two."""
    runs = [[_fresh(size, count) for count in (1, 2)] for size in GROWTH[:2]]
    return {
        "runs": runs,
        "two_processes_faster": {
            str(one["source_cells"]): round(one["seconds"] / two["seconds"], 2) for one, two in runs
        },
    }


def _fresh(size: int, processes: int) -> dict[str, Any]:
    """Time a city in a process of its own, so that memory is that of this city."""
    command = [sys.executable, "-m", "benchmarks.unify_city", "--one", str(size), "--processes", str(processes)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    print(result)
    return result


def _time_city(size: int, processes: int) -> dict[str, Any]:
    city = make_city(CityParams(communities=size))
    memory_before = peak_memory_mib()
    params = UnifyParams()
    begun = time.perf_counter()
    with start_workers(processes) as workers:
        workers.wait_until_started()  # the service starts them, then reads its inputs, which takes longer
        started = time.perf_counter()
        around = Surroundings(workers=workers)
        unified = unify_zonings(city.zonings, city.communities, SCHEME, params, surroundings=around)
        unified_at = time.perf_counter()
        conflicts, _ = find_conflicts(unified, empty_frame("facility", EPSG), params, workers=workers)
        ended = time.perf_counter()
    check = check_unified(
        unified.cells, unified.lineage, city.zonings, city.communities, unified.snapped_m2, unified.tolerance_m
    )
    return {
        "source_cells": sum(len(frame) for frame in city.zonings.values()),
        "communities": len(city.communities),
        "processes": processes,
        "seconds_process_start": round(started - begun, 2),
        "faces": len(unified.part.mosaic.faces.polygons),
        "cells": len(unified.cells),
        "conflicts": len(conflicts),
        "seconds": round(ended - started, 2),
        "seconds_conflicts": round(ended - unified_at, 2),
        "seconds_check": round(time.perf_counter() - ended, 2),
        "checks_hold": not check.failed,
        "area_error_m2": check.area_error_m2,
        "peak_memory_mib": peak_memory_mib(),
        "peak_memory_of_city_mib": memory_before,
    }


def _against_chain() -> dict[str, Any]:
    """Time the overlay of the four zonings and the communities, and the same by a chain of overlays."""
    city = make_city(CityParams(communities=CITY))
    frames = [city.communities, *city.zonings.values()]
    layers = [frame.geometry.to_numpy() for frame in frames]
    tolerance_m = propose_tolerance(layers)
    started = time.perf_counter()
    faces = overlay_layers(layers, SnapParams(tolerance_m))
    seconds = time.perf_counter() - started
    chain = chain_overlays(frames)
    result = {
        "source_cells": sum(len(frame) for frame in city.zonings.values()),
        "tolerance_m": tolerance_m,
        "seconds": round(seconds, 3),
        "faces": len(faces.polygons),
        "geopandas_union_chain": chain,
        "times_faster": round(chain["seconds"] / seconds, 1),
    }
    print(result)
    return result


def _time_edits(count: int) -> dict[str, Any]:
    """Move vertices of cells drawn by lot in the stored city, one cell at a time."""
    city = make_city(CityParams(communities=CITY))
    rng = np.random.default_rng(1)
    seconds, communities = [], []
    with tempfile.TemporaryDirectory() as folder, open_store(str(Path(folder) / "city.gpkg")) as store:
        _fill(store, city)
        unify_project(store, UnifyParams())
        while len(seconds) < count + 2:
            zoning = f"zoning{rng.integers(1, 5)}"
            row = _moved(city.zonings[zoning], rng)
            if row is None:
                continue
            started = time.perf_counter()
            with store.begin() as transaction:
                report = apply_edit(transaction, zoning, row)
            seconds.append(time.perf_counter() - started)
            communities.append(len(report.communities))
    timed = np.array(seconds[2:])  # the first ones load what Python loads once
    return {
        "edits": count,
        "median_s": round(float(np.median(timed)), 3),
        "p90_s": round(float(np.percentile(timed, 90)), 3),
        "longest_s": round(float(timed.max()), 3),
        "below_200_ms_share": round(float((timed < 0.2).mean()), 3),
        "communities_median": float(np.median(communities[2:])),
    }


def _fill(store: Store, city: City) -> None:
    store.create(Project("city", EPSG, code_prefix="429900001"))
    rows = [
        {"zoning_id": key, "name": key, "domain": key, "cells": len(frame), "source": "made up"}
        for key, frame in city.zonings.items()
    ]
    with store.begin() as transaction:
        transaction.append("community", city.communities)
        transaction.append("zoning", pd.DataFrame(rows))
        for frame in city.zonings.values():
            transaction.append("cell", frame)


def _moved(cells: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame | None:
    """Return a cell with one vertex some metres away, or None when its border would cross itself."""
    row = cells.iloc[[int(rng.integers(len(cells)))]].reset_index(drop=True)
    ring = shapely.get_coordinates(row.geometry.iloc[0])[:-1]
    ring[int(rng.integers(len(ring)))] += rng.normal(0, 6, 2)
    polygon = shapely.Polygon(ring)
    return row.set_geometry([shapely.MultiPolygon([polygon])], crs=cells.crs) if polygon.is_valid else None


if __name__ == "__main__":
    main()
