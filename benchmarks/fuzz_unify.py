"""Thousands of made-up zonings through the whole of unifying, with the independent check on; none may fail.

Usage: ``python -m benchmarks.fuzz_unify --examples 10000 --seed 1 --output FILE.json``

Each example goes through ``unify_zonings`` (any of the three policies), ``find_conflicts``, ``check_unified`` and the
schemas of all tables; on top of that random places, which the software never sees, must lie in as many cells as the sources
say. An example *failed* when anything of this did, and was *refused* when an error of 一网 said so in words; its plan is
written to the result and makes the same town again.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.circumstances import circumstances, write_result
from benchmarks.drawn_zonings import EPSG, SCHEME, SIDE_M, Town, TownPlan, make_town, town_plans
from geo.algorithms.partition.check import check_unified
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.framing import frame_overlaps
from geo.algorithms.zoning.unify import Unified, unify_zonings
from geo.errors import YiwangError
from geo.model.frames import empty_frame, require_frame

_PLACES = 60
_KEPT = 20


@dataclass
class Tally:
    """What happened so far."""

    examples: int = 0
    policies: Counter[str] = field(default_factory=Counter)
    cells: int = 0
    conflicts: int = 0
    refused: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="each makes its share with a seed of its own")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    around = circumstances()
    start = time.perf_counter()
    tally = run_shares(arguments.examples, arguments.seed, arguments.processes)
    result = {
        "examples": tally.examples,
        "refused": len(tally.refused),
        "failed": len(tally.failed),
        "seconds": round(time.perf_counter() - start, 1),
        "seed": arguments.seed,
        "processes": arguments.processes,
        "policies": dict(sorted(tally.policies.items())),
        "cells": tally.cells,
        "conflicts": tally.conflicts,
        "refusals": tally.refused[:_KEPT],
        "failures": tally.failed[:_KEPT],
    }
    around["versions"]["hypothesis"] = version("hypothesis")
    print(write_result(arguments.output.name, result | around, arguments.output.parent))
    print({key: result[key] for key in ("examples", "refused", "failed", "seconds")})


def run_shares(examples: int, first_seed: int, processes: int) -> Tally:
    """Return what happened to so many towns, made by several processes: process k takes the k-th seed."""
    sizes = [examples // processes + (number < examples % processes) for number in range(processes)]
    seeds = range(first_seed, first_seed + processes)
    if processes == 1:
        return run(examples, first_seed)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return _sum(list(pool.map(run, sizes, seeds)))


def _sum(tallies: Sequence[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.examples += tally.examples
        total.policies.update(tally.policies)
        total.cells += tally.cells
        total.conflicts += tally.conflicts
        total.refused += tally.refused
        total.failed += tally.failed
    return total


def run(examples: int, first_seed: int) -> Tally:
    """Return what happened to so many towns."""
    tally = Tally()

    @seed(first_seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(town_plans())
    def one(plan: TownPlan) -> None:
        tally.examples += 1
        tally.policies[plan.policy] += 1
        try:
            cells, conflicts = examine(make_town(plan), plan.communities.seed)
            tally.cells += cells
            tally.conflicts += conflicts
        except YiwangError as error:
            tally.refused.append(_told(plan, error))
        except Exception as error:  # whatever it is, it is counted and told
            tally.failed.append(_told(plan, error))

    one()
    return tally


def _told(plan: TownPlan, error: Exception) -> dict[str, str]:
    told = {"plan": repr(plan), "error": f"{type(error).__name__}: {error}"[:300]}
    print(told, flush=True)
    return told


class WrongError(Exception):
    """The result is not what the sources say."""


def examine(town: Town, places_seed: int) -> tuple[int, int]:
    """Unify a town, look at everything that comes out; return the number of cells and of conflicts.

    Raises
    ------
    WrongError
        Something is not as it must be.
    """
    unified = unify_zonings(town.zonings, town.communities, SCHEME, town.params)
    conflicts, _ = find_conflicts(unified, empty_frame("facility", EPSG), town.params)
    check = check_unified(
        unified.cells, unified.lineage, town.zonings, town.communities, unified.snapped_m2, unified.tolerance_m
    )
    _require(check.failed == (), f"checks {check.failed}")
    for table, frame in (
        ("unified_cell", unified.cells),
        ("lineage", unified.lineage),
        ("sliver", unified.slivers),
        ("conflict", conflicts),
        ("cell_overlap", frame_overlaps(unified.sources, unified.overlaps)),
    ):
        _require(len(require_frame(table, frame)) == len(frame), table)
    _require(bool(conflicts["conflict_key"].is_unique), "conflict keys")
    _require(bool(shapely.is_valid(conflicts.geometry.to_numpy()).all()), "conflict geometry")
    look_at_places(town, unified, np.random.default_rng(places_seed))
    return len(unified.cells), len(conflicts)


def look_at_places(town: Town, unified: Unified, rng: np.random.Generator) -> None:
    """Require that random places lie in one cell when a source holds them, and in none otherwise; lineage knows who.

    Raises
    ------
    WrongError
        One does not.
    """
    sources: list[gpd.GeoDataFrame] = [*town.zonings.values(), town.communities]
    west, south, _, _ = np.min([frame.total_bounds for frame in sources], axis=0)
    places = shapely.points(rng.uniform(-20, SIDE_M * 1.1, (_PLACES, 2)) + np.array([west, south]))
    borders = shapely.union_all(np.concatenate([shapely.boundary(frame.geometry.to_numpy()) for frame in sources]))
    places = places[shapely.distance(places, borders) > max(2.5 * unified.tolerance_m, 1e-3)]
    place, cell = shapely.STRtree(unified.cells.geometry.to_numpy()).query(places, predicate="within")
    found = np.bincount(place, minlength=len(places))
    expected = np.zeros(len(places), dtype=np.int64)
    codes = unified.cells["code"].to_numpy()
    cell_of = dict(zip(place.tolist(), codes[cell].tolist(), strict=True))
    columns = (unified.lineage[name] for name in ("cell_code", "zoning_id", "source_code"))
    told = set(zip(*columns, strict=True))
    for name, frame in (*town.zonings.items(), ("community", town.communities)):
        inside, row = shapely.STRtree(frame.geometry.to_numpy()).query(places, predicate="within")
        expected[inside] = 1
        held = frame["code"].to_numpy()[row]
        pairs = {(cell_of.get(at, ""), name, code) for at, code in zip(inside.tolist(), held.tolist(), strict=True)}
        _require(name == "community" or pairs <= told, f"lineage of {name}")
    _require(bool((found == expected).all()), "places are lost or held twice")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise WrongError(what)


if __name__ == "__main__":
    main()
