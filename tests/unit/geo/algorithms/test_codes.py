"""Grid codes on a few rectangles: schemes, reading order, and what keeps its code; all by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import Polygon, box

from geo.algorithms.zoning.codes import find_scheme, issue_codes, scheme_keys
from geo.algorithms.zoning.history import continue_history
from geo.algorithms.zoning.succession import FormerCells, match_former
from geo.errors import InfeasibleError, ParameterError
from geo.model.frames import empty_frame, require_frame

Frames = Callable[..., gpd.GeoDataFrame]
TOWN = box(0, 0, 200, 100)
PREFIX = "430406001"
DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 20)]


def strip(start: float, end: float, south: float = 0.0) -> Polygon:
    return box(start, south, end, south + 100)


def uncoded(polygons: Sequence[Any], owners: Sequence[str] | str = "430406001001") -> gpd.GeoDataFrame:
    owners = [owners] * len(polygons) if isinstance(owners, str) else owners
    columns = {
        "community_code": list(owners),
        "community_name": [f"社区{owner[-3:]}" for owner in owners],
        "area_m2": shapely.area(list(polygons)),
    }
    return gpd.GeoDataFrame(columns, geometry=list(polygons), crs=4547)


class Ledger:
    """A town whose cells are redrawn day after day."""

    def __init__(self, communities: gpd.GeoDataFrame, key: str = "beijing-15", prefix: str = PREFIX) -> None:
        self.communities, self.scheme = communities, find_scheme(key, prefix)
        self.former: FormerCells | None = None
        self.day = 0

    def draw(self, polygons: Sequence[Any], owners: Sequence[str] | str = "430406001001") -> dict[str, str]:
        """Issue codes and return west edge (and owner when there are several) → last digits of the code."""
        cells = issue_codes(uncoded(polygons, owners), self.communities, self.scheme, former=self.former)
        change = continue_history(self.former, cells, DAYS[self.day])
        before = self.former.history if self.former else empty_frame("code_history")
        self.former = FormerCells(cells, change.applied_to(before))
        self.day += 1
        open_rows = self.former.history[self.former.history["end_at"].isna()]
        assert sorted(open_rows["code"]) == sorted(cells["code"])
        self.cells, self.change = cells, change
        return dict(zip(cells.geometry.bounds["minx"].astype(int), cells["code"].str[-2:], strict=True))

    @property
    def history(self) -> pd.DataFrame:
        assert self.former is not None
        return self.former.history.set_index("code")


class TestSchemes:
    @pytest.mark.parametrize(
        ("key", "undivided", "divided"),
        [
            ("beijing-15", "430406001001001", ["430406001001001", "430406001001002"]),
            ("city-14", "43040600100100", ["43040600100101", "43040600100102"]),
            ("cjt349-20", "00000043040600100100", ["00000043040600100101", "00000043040600100102"]),
        ],
    )
    def test_digits(self, communities: Frames, key: str, undivided: str, divided: list[str]) -> None:
        town = communities([TOWN])
        for polygons, codes in (([TOWN], [undivided]), ([strip(0, 100), strip(100, 200)], divided)):
            issued = issue_codes(uncoded(polygons), town, find_scheme(key, PREFIX))
            assert issued["code"].tolist() == codes
            assert set(issued["code"].str.len()) == {int(key[-2:])}
            assert issued["sequence"].tolist() == [int(code[-2:]) for code in codes]

    def test_every_scheme_is_tested(self) -> None:
        assert set(scheme_keys()) == {"beijing-15", "city-14", "cjt349-20"}

    @pytest.mark.parametrize(
        ("key", "parts"),
        [("beijing-15", ["002", "003"]), ("city-14", ["002", "003"]), ("cjt349-20", ["601", "602"])],
    )
    def test_communities_without_official_code(self, communities: Frames, key: str, parts: list[str]) -> None:
        """They are numbered under the prefix, past the numbers that official codes hold; merged ones from 601."""
        town = communities([TOWN] * 4, ["红湘", "430406001001", "空", "呆鹰岭"])
        issued = issue_codes(uncoded([TOWN] * 3, ["红湘", "430406001001", "呆鹰岭"]), town, find_scheme(key, PREFIX))
        object_code = find_scheme(key, PREFIX).object_code
        found = {
            owner: code[len(object_code) :][:12]
            for owner, code in zip(issued["community_code"], issued["code"], strict=True)
        }
        assert found == {"红湘": PREFIX + parts[0], "430406001001": PREFIX + "001", "呆鹰岭": PREFIX + parts[1]}

    @pytest.mark.parametrize(("key", "limit"), [("beijing-15", 999), ("cjt349-20", 399)])
    def test_too_many_communities_without_code(self, communities: Frames, key: str, limit: int) -> None:
        names = [f"c{n}" for n in range(limit + 1)]
        town, scheme = communities([TOWN] * len(names), names), find_scheme(key, PREFIX)
        assert issue_codes(uncoded([TOWN] * limit, names[:-1]), town, scheme)["code"].is_unique
        with pytest.raises(InfeasibleError, match=f"{limit + 1} communities"):
            issue_codes(uncoded([TOWN] * (limit + 1), names), town, scheme)

    @pytest.mark.parametrize(("key", "limit"), [("city-14", 99), ("beijing-15", 999)])
    def test_overflow(self, communities: Frames, key: str, limit: int) -> None:
        strips = [strip(n, n + 1) for n in range(limit + 1)]
        town, scheme = communities([box(0, 0, limit + 1, 100)]), find_scheme(key, PREFIX)
        assert issue_codes(uncoded(strips[:-1]), town, scheme)["code"].is_unique
        with pytest.raises(InfeasibleError, match=f"has {limit + 1} cells, .* up to {limit}"):
            issue_codes(uncoded(strips), town, scheme)

    @pytest.mark.parametrize("prefix", ["43040600", "43040600x", "4304060011"])
    def test_prefix(self, prefix: str) -> None:
        with pytest.raises(ParameterError, match="9 digits"):
            find_scheme("beijing-15", prefix)

    def test_unknown_scheme(self) -> None:
        with pytest.raises(ParameterError, match="not a known scheme"):
            find_scheme("shanghai-7", PREFIX)


class TestReadingOrder:
    squares = tuple(box(100 * i, 100 * j, 100 * i + 100, 100 * j + 100) for i in range(3) for j in range(3))
    order = ((0, 2), (1, 2), (2, 2), (0, 1), (1, 1), (2, 1), (0, 0), (1, 0), (2, 0))

    @pytest.mark.parametrize("step", [1, -1])
    def test_west_to_east_then_north_to_south(self, communities: Frames, step: int) -> None:
        """Whatever the order of the rows."""
        town = communities([box(0, 0, 300, 300)])
        issued = issue_codes(uncoded(self.squares[::step]), town, find_scheme("beijing-15", PREFIX))
        assert issued["sequence"].tolist() == list(range(1, 10))
        assert [(x // 100, y // 100) for x, y in issued.geometry.bounds[["minx", "miny"]].to_numpy()] == list(
            self.order
        )


class TestStability:
    def test_split_of_a_middle_cell(self, communities: Frames) -> None:
        """02 is halved: neither half holds more than half of it, so both are new; 01 and 03 keep theirs."""
        ledger = Ledger(communities([strip(0, 300)]))
        assert ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)]) == {0: "01", 100: "02", 200: "03"}
        assert ledger.draw([strip(0, 100), strip(100, 150), strip(150, 200), strip(200, 300)]) == {
            0: "01", 100: "04", 150: "05", 200: "03",
        }  # fmt: skip
        history = ledger.history
        assert history["end_at"].notna().to_dict() == {code: code[-2:] == "02" for code in history.index}
        assert history.loc["430406001001002", "end_at"] == DAYS[1]
        assert history.loc["430406001001004", "initial_at"] == DAYS[1]
        assert json.loads(history.loc["430406001001004", "predecessors"]) == ["430406001001002"]
        assert json.loads(history.loc["430406001001001", "predecessors"]) == []

    def test_more_than_half_of_both_keeps(self, communities: Frames) -> None:
        """The cell of 60 of 100 m keeps 01; of 50 it does not: half is not more than half."""
        for cut, code in ((60, "01"), (50, "02"), (40, "02")):
            ledger = Ledger(communities([strip(0, 100)]))
            ledger.draw([strip(0, 100)])
            assert ledger.draw([strip(0, cut), strip(cut, 100)])[0] == code

    def test_swallowing_ground_ends_a_code(self, communities: Frames) -> None:
        """01 takes 02 of the same size: the union holds all of 01 but is not held by it to more than half."""
        ledger = Ledger(communities([strip(0, 300)]))
        ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)])
        assert ledger.draw([strip(0, 200), strip(200, 300)]) == {0: "04", 200: "03"}
        assert ledger.change.ended == ("430406001001001", "430406001001002")
        (row,) = ledger.change.opened.to_dict("records")
        assert json.loads(row["predecessors"]) == ["430406001001001", "430406001001002"]

    def test_numbers_of_ended_cells_are_not_given_again(self, communities: Frames) -> None:
        ledger = Ledger(communities([strip(0, 400)]))
        halves, quarters = [strip(0, 200), strip(200, 400)], [strip(x, x + 100) for x in (0, 100, 200, 300)]
        assert ledger.draw(halves) == {0: "01", 200: "02"}
        assert ledger.draw(quarters) == {0: "03", 100: "04", 200: "05", 300: "06"}
        assert ledger.draw(halves) == {0: "07", 200: "08"}
        assert ledger.former is not None
        assert ledger.former.history["code"].is_unique

    def test_another_community_is_another_cell(self, communities: Frames) -> None:
        """The same ground under another community gets that community's next number."""
        town = communities([strip(0, 100), strip(100, 300)])
        one, two = town["code"]
        ledger = Ledger(town)
        ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)], [one, two, two])
        ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)], [one, one, two])
        assert ledger.cells["code"].tolist() == [f"{one}001", f"{one}002", f"{two}002"]

    @pytest.mark.parametrize(("end", "predecessors"), [(102, ["01"]), (103, ["01", "02"])])
    def test_ground_below_five_per_cent_is_no_predecessor(
        self, communities: Frames, end: int, predecessors: list[str]
    ) -> None:
        """A new cell of 50 m of 01 and 2 m of 02 holds 3.8 % of the latter, with 3 m it is 5.7 %."""
        ledger = Ledger(communities([strip(0, 200)]))
        ledger.draw([strip(0, 100), strip(100, 200)])
        issued = ledger.draw([strip(0, 50), strip(50, end), strip(end, 150), strip(150, 200)])
        rows = ledger.history["predecessors"].map(json.loads)
        assert [code[-2:] for code in rows["4304060010010" + issued[50]]] == predecessors

    def test_an_undivided_community_ends_in_00(self, communities: Frames) -> None:
        """Divided, it has no cell 00; undivided again, it is the same cell as before."""
        ledger = Ledger(communities([strip(0, 200)]), "city-14")
        assert ledger.draw([strip(0, 200)]) == {0: "00"}
        assert ledger.draw([strip(0, 150), strip(150, 200)]) == {0: "01", 150: "02"}
        assert ledger.draw([strip(0, 200)]) == {0: "00"}
        assert ledger.draw([strip(0, 150), strip(150, 200)]) == {0: "03", 150: "04"}
        assert ledger.former is not None
        spans = ledger.former.history.sort_values(["code", "initial_at"])
        assert spans["code"].str[-2:].tolist() == ["00", "00", "01", "02", "03", "04"]
        assert spans["end_at"].isna().tolist() == [False, False, False, False, True, True]

    def test_numbers_run_out(self, communities: Frames) -> None:
        ledger = Ledger(communities([strip(0, 200)]), "city-14")
        ledger.draw([strip(n, n + 2) for n in range(0, 120, 2)])
        with pytest.raises(InfeasibleError, match=r"needs the new number 119, .* up to 99"):
            ledger.draw([strip(n, n + 2) for n in range(1, 119, 2)])

    def test_another_scheme_starts_anew(self, communities: Frames) -> None:
        ledger = Ledger(communities([strip(0, 300)]))
        ledger.draw([strip(0, 100), strip(100, 300)])
        ledger.draw([strip(0, 50), strip(50, 100), strip(100, 300)])
        ledger.scheme = find_scheme("city-14", PREFIX)
        assert ledger.draw([strip(0, 50), strip(50, 100), strip(100, 300)]) == {0: "01", 50: "02", 100: "03"}

    def test_communities_keep_their_number(self, communities: Frames) -> None:
        """Whatever the order of their rows, and when others come and go."""
        names = ["红湘", "呆鹰岭", "雁峰"]
        ledger = Ledger(communities([strip(0, 100), strip(100, 200), strip(200, 300)], names))
        ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)], names)
        first = dict(zip(ledger.cells["community_code"], ledger.cells["code"], strict=True))
        names = ["新塘", "雁峰", "红湘"]
        ledger.communities = communities([strip(100, 200), strip(200, 300), strip(0, 100)], names)
        ledger.draw([strip(100, 200), strip(200, 300), strip(0, 100)], names)
        second = dict(zip(ledger.cells["community_code"], ledger.cells["code"], strict=True))
        assert second == {"红湘": first["红湘"], "雁峰": first["雁峰"], "新塘": f"{PREFIX}004001"}

    def test_an_official_code_displaces_a_number(self, communities: Frames) -> None:
        """红湘 had 001 until a community came whose official code that is."""
        ledger = Ledger(communities([strip(0, 100)], ["红湘"]))
        ledger.draw([strip(0, 100)], "红湘")
        assert ledger.cells["code"].tolist() == [f"{PREFIX}001001"]
        ledger.communities = communities([strip(0, 100), strip(100, 200)], ["红湘", f"{PREFIX}001"])
        ledger.draw([strip(0, 100), strip(100, 200)], ["红湘", f"{PREFIX}001"])
        assert dict(zip(ledger.cells["community_code"], ledger.cells["code"], strict=True)) == {
            "红湘": f"{PREFIX}002001", f"{PREFIX}001": f"{PREFIX}001002",
        }  # fmt: skip

    def test_layer_without_history(self, communities: Frames) -> None:
        """Codes issued before there was a history are continued, and their numbers stay taken."""
        ledger = Ledger(communities([strip(0, 300)]))
        ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)])
        ledger.former = FormerCells(ledger.cells, empty_frame("code_history"))
        assert ledger.draw([strip(0, 100), strip(100, 300)]) == {0: "01", 100: "04"}
        assert ledger.draw([strip(0, 100), strip(100, 200), strip(200, 300)]) == {0: "01", 100: "05", 200: "06"}
        assert ledger.history.loc["430406001001003", "end_at"] == DAYS[1]

    def test_time_needs_a_zone(self, communities: Frames) -> None:
        cells = issue_codes(uncoded([TOWN]), communities([TOWN]), find_scheme("beijing-15", PREFIX))
        with pytest.raises(ParameterError, match="time zone"):
            continue_history(None, cells, datetime(2026, 1, 1))  # noqa: DTZ001


class TestMatching:
    def test_same_geometry_with_another_start(self) -> None:
        square, turned = box(0, 0, 10, 10), Polygon([(10, 10), (0, 10), (0, 0), (10, 0)])
        assert match_former(uncoded([turned]), uncoded([strip(50, 60), square])).tolist() == [1]

    def test_nothing_before(self) -> None:
        assert match_former(uncoded([TOWN]), uncoded([TOWN]).iloc[:0]).tolist() == [-1]

    def test_one_partner_even_where_cells_overlap(self) -> None:
        """Both new cells hold the former one; the larger common ground wins."""
        former = uncoded([strip(0, 100)])
        assert match_former(uncoded([strip(0, 90), strip(2, 98)]), former).tolist() == [-1, 0]

    def test_a_whole_city_is_quick(self) -> None:
        """18,000 cells, one changed, in less than a second."""
        x, y = np.divmod(np.arange(18_000), 120)
        polygons = shapely.box(100.0 * x, 100.0 * y, 100.0 * x + 100, 100.0 * y + 100)
        cells = uncoded(polygons)
        edited = polygons.copy()
        edited[7] = shapely.buffer(polygons[7], -10)
        started = time.perf_counter()
        matches = match_former(uncoded(edited), cells)
        assert time.perf_counter() - started < 1.0
        assert matches.tolist() == list(range(18_000))


def test_history_rows_fit_their_table(communities: Frames) -> None:
    cells = issue_codes(uncoded([TOWN]), communities([TOWN]), find_scheme("beijing-15", PREFIX))
    change = continue_history(None, cells, DAYS[0])
    assert require_frame("code_history", change.opened).equals(change.opened)
    assert change.ended == ()
    assert change.opened[["code", "name"]].to_numpy().tolist() == [["430406001001001", "社区001001"]]
