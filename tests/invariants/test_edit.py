"""An edit gives the same as unifying from scratch, whatever is edited and however often."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drawn_zonings import EPSG
from benchmarks.synthetic_city import CityParams, make_city
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.compose import POLICIES, Policy
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.framing import frame_overlaps
from geo.algorithms.zoning.grouping import OptimiseParams
from geo.algorithms.zoning.unify import Surroundings
from geo.algorithms.zoning.unify import unify_zonings as unify
from geo.model.frames import require_frame
from geo.model.project import Project
from geo.services.edit_cells import apply_edit
from geo.services.unify_inputs import read_inputs
from geo.services.unify_zonings import UnifyParams, unify_zonings
from geo.storage import Store, Transaction, open_store

CITY = make_city(CityParams(communities=3, community_blocks=3, zonings=3, moved_share=0.15))
ZONINGS = tuple(CITY.zonings)
OPTIMISE = OptimiseParams(lower=20_000, upper=60_000, moves_per_face=4)
LEAD = 1
"""The zoning that leads under the policy ``reference``."""


@dataclass(frozen=True)
class Edit:
    """What happens to one cell: ``way`` says what, ``seed`` to which, where, and how far."""

    way: str
    zoning: int
    seed: int


class UndoneError(Exception):
    """Takes back the transaction of an example."""


def _vertex_moved(cell: shapely.Geometry, rng: np.random.Generator, by_m: float) -> shapely.Geometry:
    ring = shapely.get_coordinates(cell.geoms[0].exterior)[:-1]
    ring[rng.integers(len(ring))] += rng.normal(0, by_m, 2)
    return shapely.Polygon(ring)


def _beyond(cell: shapely.Geometry, rng: np.random.Generator) -> shapely.Geometry:
    """Return a cell that reaches across the neighbours, communities and the town's rim."""
    x, y = shapely.get_coordinates(cell.centroid)[0] + rng.normal(0, 150, 2)
    return shapely.box(x - 80, y - 60, x + 80, y + 60)


def _drawn(edit: Edit, cell: shapely.Geometry, rng: np.random.Generator) -> shapely.Geometry | None:
    """Return the cell after the edit, None when it is removed."""
    match edit.way:
        case "remove":
            return None
        case "nudge":
            shape = _vertex_moved(cell, rng, 0.2)
        case "move_vertex":
            shape = _vertex_moved(cell, rng, 15.0)
        case "shift":
            shape = shapely.transform(cell, lambda xy: xy + rng.normal(0, 40, 2))
        case "grow":
            shape = cell.buffer(12.0, join_style="mitre")
        case "hole":
            shape = cell - cell.centroid.buffer(10, quad_segs=2)
        case "far":
            shape = shapely.transform(cell, lambda xy: xy + 4000.0)
        case _:
            shape = _beyond(cell, rng)
    return shapely.make_valid(shape, method="structure", keep_collapsed=False)


WAYS = ("nudge", "move_vertex", "shift", "grow", "hole", "replace", "add", "far", "remove")
edits = st.builds(Edit, st.sampled_from(WAYS), st.integers(0, len(ZONINGS) - 1), st.integers(0, 2**32 - 1))


def _edited(transaction: Transaction, edit: Edit, number: int) -> tuple[str, gpd.GeoDataFrame, tuple[str, ...]]:
    """Return zoning, edited rows and removed codes of an edit."""
    rng = np.random.default_rng(edit.seed)
    zoning = ZONINGS[edit.zoning]
    frame = transaction.read("cell", where={"zoning_id": zoning})
    row = frame.iloc[[int(rng.integers(len(frame)))]].reset_index(drop=True)
    shape = _drawn(edit, row.geometry.iloc[0], rng)
    if shape is None or shape.is_empty:
        return zoning, row.iloc[:0], (str(row["code"].iloc[0]),)
    multi = shapely.multipolygons(shapely.get_parts(shape), indices=np.zeros(shapely.get_num_geometries(shape), int))
    row = row.set_geometry(multi, crs=EPSG)
    if edit.way in ("add", "far"):
        row = row.assign(code=f"new-{number}", name="新格")
    return zoning, require_frame("cell", row), ()


def _rows(frame: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a frame in an order of their own, with geometry as bytes."""
    plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    plain = (
        plain.round(dict.fromkeys(plain.select_dtypes("float").columns, 6)).astype(object).where(plain.notna(), None)
    )
    columns = [plain[name] for name in sorted(plain.columns)]
    if isinstance(frame, gpd.GeoDataFrame):
        columns.append(shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy())))
    return sorted(zip(*columns, strict=True), key=repr)


def _params(policy: Policy) -> UnifyParams:
    return UnifyParams(policy=policy, reference=ZONINGS[LEAD] if policy == "reference" else None, optimise=OPTIMISE)


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Policy, tuple[Store, UnifyParams]]]:
    """The city, unified by each policy, with the tolerance that was proposed."""
    found: dict[Policy, tuple[Store, UnifyParams]] = {}
    for policy in POLICIES:
        store = open_store(str(tmp_path_factory.mktemp("edit") / f"{policy}.gpkg"))
        store.create(Project("城", EPSG, code_prefix="429900001"))
        with store.begin() as transaction:
            transaction.append("community", CITY.communities)
            rows = [
                {"zoning_id": key, "name": key, "domain": key, "cells": len(frame), "source": "-"}
                for key, frame in CITY.zonings.items()
            ]
            transaction.append("zoning", pd.DataFrame(rows))
            for frame in CITY.zonings.values():
                transaction.append("cell", frame)
        report = unify_zonings(store, _params(policy))
        assert report.conflicts
        fixed = replace(_params(policy), tolerance_m=report.tolerance_m)
        found[policy] = store, fixed
    yield found
    for store, _ in found.values():
        store.close()


def _require_same_as_from_scratch(transaction: Transaction, former: Any, params: UnifyParams) -> None:
    """Unify all that is stored, with the codes of before the edit, and compare every table."""
    inputs = read_inputs(transaction)
    scheme = find_scheme(params.scheme, inputs.project.code_prefix)
    surroundings = Surroundings(former=former)
    scratch = unify(inputs.zonings, inputs.communities, scheme, params, surroundings=surroundings)
    conflicts, _ = find_conflicts(scratch, inputs.facilities, params)
    expected = {
        "unified_cell": scratch.cells,
        "lineage": scratch.lineage,
        "sliver": scratch.slivers,
        "cell_overlap": frame_overlaps(scratch.sources, scratch.overlaps),
        "conflict": conflicts,
    }
    for table, frame in expected.items():
        stored, computed = _rows(transaction.read(table)), _rows(frame)
        assert stored == computed, (table, [row for row in stored if row not in computed][:3])
    history = transaction.read("code_history")
    assert sorted(history.loc[history["end_at"].isna(), "code"]) == sorted(scratch.cells["code"])


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=8)
@given(changes=st.lists(edits, min_size=1, max_size=3))
def test_edits_give_the_same_as_from_scratch(
    cities: dict[Policy, tuple[Store, UnifyParams]], policy: Policy, changes: Sequence[Edit]
) -> None:
    store, params = cities[policy]
    with contextlib.suppress(UndoneError), store.begin() as transaction:
        for number, edit in enumerate(changes):
            former = read_inputs(transaction).former
            report = apply_edit(transaction, *_edited(transaction, edit, number))
            assert all(report.checks.values())
            _require_same_as_from_scratch(transaction, former, params)
        raise UndoneError
