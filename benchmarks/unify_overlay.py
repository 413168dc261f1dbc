"""Overlay of several zonings: ours against a chain of ``geopandas.overlay(how="union")``, in the same run.

Usage: ``python -m benchmarks.unify_overlay [--repeats N] [--output-dir DIR]``

Both get the same repaired polygons in the same metric CRS. Ours is timed from polygons to faces with their members
(``overlay_layers``); the dissolving of slivers is timed beside it, because the chain has no such step.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from benchmarks.circumstances import RESULTS, circumstances, real_data, write_result
from geo.algorithms.partition.adjacency import shared_borders
from geo.algorithms.partition.overlay import overlay_layers
from geo.algorithms.partition.slivers import SliverParams, dissolve_slivers
from geo.algorithms.repair import repair_layer
from geo.formats.sources import read_source

SMALL_M2 = 100.0
EPSG = 32618
INPUTS = {
    "philadelphia": (
        "philadelphia/police_districts/police_districts.geojson",
        "philadelphia/neighborhoods/Neighborhoods_Philadelphia.shp",
    ),
    "new_york": (
        "nyc/police_precincts.geojson.gz",
        "nyc/school_districts.geojson.gz",
        "nyc/city_council.geojson.gz",
        "nyc/community_districts.geojson.gz",
    ),
}
"""The last layer takes the part of the communities."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the fastest counts")
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    around = circumstances()
    inputs = {name: _compare(real_data(), files, arguments.repeats) for name, files in INPUTS.items()}
    body = {"small_m2": SMALL_M2, "repeats": arguments.repeats, "inputs": inputs} | around
    print(write_result("unify_overlay.json", body, arguments.output_dir))


def _compare(folder: Path, files: tuple[str, ...], repeats: int) -> dict[str, Any]:
    layers = [_read(folder / file) for file in files]
    seconds, faces = _best(lambda: overlay_layers([layer.geometry.to_numpy() for layer in layers]), repeats)
    sliver_s, slivers = _best(
        lambda: dissolve_slivers(
            faces.polygons, faces.members, shared_borders(faces.polygons), len(layers) - 1, SliverParams()
        ),
        repeats,
    )
    chain_s, chained = _best(lambda: _chain(layers), repeats)
    parts = shapely.area(shapely.get_parts(chained.geometry.to_numpy()))
    cells = np.bincount(slivers.groups, weights=faces.areas_m2)
    ours = _count(faces.areas_m2) | {"seconds": round(seconds, 3)}
    theirs = _count(parts) | {"seconds": round(chain_s, 3), "rows": len(chained)}
    result = {
        "layers": {Path(file).name: len(layer) for file, layer in zip(files, layers, strict=True)},
        "vertices": int(sum(shapely.get_num_coordinates(layer.geometry.to_numpy()).sum() for layer in layers)),
        "overlay_layers": ours,
        "dissolve_slivers": _count(cells) | {"seconds": round(sliver_s, 3)},
        "geopandas_union_chain": theirs,
        "times_faster": round(chain_s / seconds, 1),
        "times_faster_with_slivers": round(chain_s / (seconds + sliver_s), 1),
        "area_difference_m2": round(float(parts.sum() - faces.areas_m2.sum()), 2),
    }
    print(Path(files[0]).parts[0], result)
    return result


def _read(path: Path) -> gpd.GeoDataFrame:
    frame = read_source(path).frame
    rows = repair_layer(frame.to_crs(EPSG), "MULTIPOLYGON").frame
    return gpd.GeoDataFrame({"row": np.arange(len(rows))}, geometry=rows.geometry.to_numpy(), crs=EPSG)


def _chain(layers: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    named = [layer.rename(columns={"row": f"row_{k}"}) for k, layer in enumerate(layers)]
    result = named[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it drops lines and points of the intersections
        for _, layer in pairwise(named):
            result = gpd.overlay(result, layer, how="union", keep_geom_type=True)
    return result


def _best(run: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the shortest time and the last outcome."""
    best, outcome = float("inf"), None
    for _ in range(repeats):
        started = time.perf_counter()
        outcome = run()
        best = min(best, time.perf_counter() - started)
    return best, outcome


def _count(areas: Any) -> dict[str, Any]:
    return {"faces": len(areas), "faces_below_100_m2": int((areas < SMALL_M2).sum())}


if __name__ == "__main__":
    main()
