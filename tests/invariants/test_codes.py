"""However a zoning is redrawn, cells that stay keep their code, and no code is ever given to another cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.algorithms.zoning.codes import CodeScheme, find_scheme, issue_codes
from geo.algorithms.zoning.history import continue_history
from geo.algorithms.zoning.succession import FormerCells
from geo.model.frames import empty_frame

SIDE = 1000.0
EPSG = 4547
AT = datetime(2026, 1, 1, tzinfo=UTC)
OWNERS = np.array(["430406001001", "红湘", "430406001003", "呆鹰岭"], dtype=object)


class Town:
    """Cells that tile a square, each in the community that a site in it decides."""

    def __init__(self, seed: int, count: int) -> None:
        self.rng = np.random.default_rng(seed)
        town = shapely.box(0, 0, SIDE, SIDE)
        sites = shapely.multipoints(self.rng.uniform(0, SIDE, (count, 2)))
        cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=town)), town)
        self.polygons: list[shapely.Geometry] = [cell for cell in cells if cell.area > 1]
        self.owners: list[str] = self.rng.choice(OWNERS, len(self.polygons)).tolist()

    def split(self) -> None:
        number = int(self.rng.integers(len(self.polygons)))
        cell, owner = self.polygons.pop(number), self.owners.pop(number)
        x, y = cell.representative_point().coords[0]
        west, east = shapely.box(0, 0, x, SIDE), shapely.box(x, 0, SIDE, SIDE)
        if self.rng.random() < 0.5:
            west, east = shapely.box(0, 0, SIDE, y), shapely.box(0, y, SIDE, SIDE)
        for side in (west, east):
            parts = shapely.get_parts(shapely.intersection(cell, side))
            kept = [part for part in parts if part.area > 0]
            self.polygons += kept
            self.owners += [owner] * len(kept)

    def dissolve(self) -> None:
        """Let a cell swallow a neighbour of its community, if it has one."""
        number = int(self.rng.integers(len(self.polygons)))
        for other, polygon in enumerate(self.polygons):
            union = shapely.union(self.polygons[number], polygon)
            if other != number and self.owners[other] == self.owners[number] and union.geom_type == "Polygon":
                self.polygons[number] = union
                del self.polygons[other], self.owners[other]
                return

    def hand_over(self) -> None:
        self.owners[int(self.rng.integers(len(self.owners)))] = str(self.rng.choice(OWNERS))

    def shuffle(self) -> None:
        order = self.rng.permutation(len(self.polygons))
        self.polygons = [self.polygons[number] for number in order]
        self.owners = [self.owners[number] for number in order]

    @property
    def cells(self) -> gpd.GeoDataFrame:
        columns = {"community_code": self.owners, "community_name": self.owners, "area_m2": shapely.area(self.polygons)}
        return gpd.GeoDataFrame(columns, geometry=self.polygons, crs=EPSG)


def communities(order: NDArray[np.int64]) -> gpd.GeoDataFrame:
    codes = OWNERS[order]
    return gpd.GeoDataFrame({"code": codes, "name": codes}, geometry=[shapely.box(0, 0, 1, 1)] * len(codes), crs=EPSG)


edits = st.lists(st.sampled_from(["split", "dissolve", "hand_over", "shuffle"]), min_size=1, max_size=4)
keys = st.sampled_from(["beijing-15", "city-14", "cjt349-20"])


@given(st.integers(0, 2**32 - 1), st.integers(4, 25), keys, st.lists(edits, min_size=1, max_size=2))
def test_codes_outlive_edits(seed: int, count: int, key: str, days: list[list[str]]) -> None:
    town, scheme = Town(seed, count), find_scheme(key, "430406001")
    former: FormerCells | None = None
    for day, kinds in enumerate([[], *days]):
        for kind in kinds:
            getattr(town, kind)()
        table = communities(town.rng.permutation(len(OWNERS)))
        issued = issue_codes(town.cells, table, scheme, former=former)
        change = continue_history(former, issued, AT + timedelta(days=day))
        history = change.applied_to(former.history if former else empty_frame("code_history"))
        assert issued["code"].is_unique
        open_rows = history[history["end_at"].isna()]
        assert sorted(open_rows["code"]) == sorted(issued["code"])
        if former is not None:
            _require_neighbours_keep(former, issued, scheme)
            _require_codes_are_new(former, change.opened, scheme)
            _require_subsets_agree(town, table, scheme, former, issued)
        former = FormerCells(issued, history)


def _number(codes: pd.Series, scheme: CodeScheme) -> pd.Series:
    return codes.str[-scheme.sequence_digits :].astype("int64")


def _require_neighbours_keep(former: FormerCells, issued: gpd.GeoDataFrame, scheme: CodeScheme) -> None:
    """A cell of the same ground and community has the same code, but for the only cell of a community."""
    ground = zip(former.cells["community_code"], former.cells.normalize().to_wkb(), strict=True)
    before = dict(zip(ground, former.cells["code"], strict=True))
    for owner, wkb, code in zip(issued["community_code"], issued.normalize().to_wkb(), issued["code"], strict=True):
        was = before.get((owner, wkb))
        if was is not None and scheme.undivided is None:
            assert code == was
        elif was is not None:
            numbers = {int(was[-2:]), int(code[-2:])}
            assert code == was or scheme.undivided in numbers


def _require_codes_are_new(former: FormerCells, opened: pd.DataFrame, scheme: CodeScheme) -> None:
    again = opened[opened["code"].isin(former.history["code"])]
    assert (_number(again["code"], scheme) == scheme.undivided).all()


def _require_subsets_agree(
    town: Town, table: gpd.GeoDataFrame, scheme: CodeScheme, former: FormerCells, issued: gpd.GeoDataFrame
) -> None:
    """The cells of one community alone, with its former cells, get the codes they got together with all others.

    A community that comes to its first cells is numbered with the others that do, so those stay together.
    """
    coded = set(former.cells["community_code"])
    cells = town.cells
    newcomers = [owner for owner in OWNERS if owner not in coded]
    for chosen in (newcomers, [str(town.rng.choice(sorted(coded)))]):
        own = cells[cells["community_code"].isin(chosen)]
        if own.empty:
            continue
        before = former.cells[former.cells["community_code"].isin(chosen)].reset_index(drop=True)
        alone = issue_codes(own, table, scheme, former=FormerCells(before, former.history))
        together = issued[issued["community_code"].isin(chosen)].reset_index(drop=True)
        assert alone["code"].tolist() == together["code"].tolist()
        assert alone.geometry.to_wkb().tolist() == together.geometry.to_wkb().tolist()
