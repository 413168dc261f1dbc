"""From the columns of a source to those of a table: values by hand, and every guess is told."""

from __future__ import annotations

from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import SchemaError
from geo.formats.columns import choose_columns
from geo.formats.conform import Conformer, conform_layer
from geo.model.frames import IMPORT_KINDS, SCHEMAS, require_frame


def conform(
    kind: str, columns: dict[str, Any], taken: set[str] | None = None
) -> tuple[gpd.GeoDataFrame, dict[str, tuple[int, ...]]]:
    """Return the frame, and finding → rows."""
    count = len(next(iter(columns.values())))
    shape = {"POINT": shapely.Point(5, 5), "LINESTRING": shapely.LineString([(0, 0), (1, 1)])}.get(
        SCHEMAS["cell" if kind == "zoning" else kind].geometry or "", shapely.MultiPolygon([shapely.box(0, 0, 1, 1)])
    )
    rows = gpd.GeoDataFrame(columns, geometry=[shape] * count, crs=4547)
    rows["row"] = np.arange(count) + 100  # feature numbers are those of the source, not of what repair left
    conformer = Conformer(rows, choose_columns(kind, list(columns), {}), "层")
    frame = conform_layer(kind, conformer, taken or set(), "Asia/Shanghai")
    for finding in conformer.findings:
        finding.message.format(**finding.context)  # its fields are there
    return frame, {finding.code: finding.rows for finding in conformer.findings}


class TestCodesAndNames:
    def test_nothing_wrong_nothing_found(self) -> None:
        frame, findings = conform(
            "zoning", {"网格编码": ["1", "2"], "网格名称": ["甲", "乙"], "所属社区": ["红湘", " "]}
        )
        assert frame["code"].tolist() == ["1", "2"]
        assert frame["community_name"].isna().tolist() == [False, True]
        assert findings == {}

    def test_blank_codes_come_from_the_name_or_the_number(self) -> None:
        frame, findings = conform("zoning", {"网格编码": ["1", " ", None], "网格名称": ["甲", "乙", ""]})
        assert frame["code"].tolist() == ["1", "乙", "cell-103"]
        assert frame["name"].tolist() == ["甲", "乙", "cell-103"]
        assert findings == {"no_code": (101, 102), "no_name": (102,)}

    def test_repeated_codes_get_a_number(self) -> None:
        frame, findings = conform("zoning", {"网格编码": ["1", "1", "2", "1", "1#2"], "网格名称": list("甲乙丙丁戊")})
        assert frame["code"].tolist() == ["1", "1#2", "2", "1#3", "1#2#2"]
        assert findings == {"duplicate_code": (101, 103, 104)}

    def test_codes_that_the_store_has_count_as_repeated(self) -> None:
        frame, findings = conform(
            "facility", {"编号": ["F1", "F2"], "名称": ["甲", "乙"], "类型": ["学校", "学校"]}, {"F1"}
        )
        assert frame["code"].tolist() == ["F1#2", "F2"]
        assert findings == {"duplicate_code": (100,)}

    def test_numbers_are_codes_without_point(self) -> None:
        frame, _ = conform("community", {"社区代码": [430406001001.0, np.nan], "社区名称": ["甲", "乙"]})
        assert frame["code"].tolist() == ["430406001001", "乙"]

    def test_leading_zeros_stay(self) -> None:
        frame, _ = conform("community", {"社区代码": ["007"], "社区名称": ["甲"]})
        assert frame["code"].tolist() == ["007"]


def test_unknown_words_are_told_and_replaced() -> None:
    frame, findings = conform("facility", {"名称": ["甲", "乙"], "编号": ["1", "2"], "类型": ["火星基地", "派出所"]})
    assert frame["kind"].tolist() == ["other", "police_station"]
    assert findings == {"unknown_value": (100,)}


def test_other_columns_become_attributes() -> None:
    frame, _ = conform("zoning", {"编码": ["1"], "名称": ["甲"], "面积亩": [12.5], "联系电话": ["139"]})
    assert frame["attributes"].tolist() == ['{"面积亩": 12.5}']


def test_street_numbers() -> None:
    frame, findings = conform(
        "street",
        {
            "道路名称": ["甲", None],
            "道路等级": ["主干路", "支路"],
            "层级": ["1", "桥"],
            "限速": [40, None],
            "单行": [1, -1],
        },
    )
    checked = require_frame("street", frame)
    assert checked["level"].tolist() == [1, 0]
    assert checked["maxspeed_kmh"].tolist() == [40, pytest.approx(np.nan, nan_ok=True)]
    assert checked["oneway"].tolist() == ["forward", "backward"]
    assert checked["name"].tolist() == ["甲", ""]
    assert checked["street_id"].tolist() == [1, 2]
    assert findings == {"not_a_number": (101,)}


def test_building_counts() -> None:
    frame, findings = conform("building", {"楼栋名称": ["1栋", ""], "户数": [30.0, np.nan], "层数": ["6", "?"]})
    checked = require_frame("building", frame)
    assert checked["households"].tolist() == [30, pd.NA]
    assert checked["floors"].tolist() == [6, pd.NA]
    assert findings == {"not_a_number": (101,)}


class TestTeams:
    def team(self, start: str, end: str, **columns: list[Any]) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
        return conform(
            "team", {"队伍名称": ["甲"], "出行方式": ["步行"], "上班时间": [start], "下班时间": [end], **columns}
        )

    @pytest.mark.parametrize(
        ("start", "end", "seconds"),
        [
            ("08:30", "17:00", (30600, 61200)),
            ("8:05:30", "9:00", (29130, 32400)),
            ("08：30", "17：00", (30600, 61200)),
            ("22:00", "06:00", (79200, 108000)),
            ("00:00", "24:00", (0, 86400)),
            ("20:00", "00:00", (72000, 86400)),
            ("08:00", "08:00", (28800, 115200)),
        ],
    )
    def test_times_of_day(self, start: str, end: str, seconds: tuple[int, int]) -> None:
        checked = require_frame("team", self.team(start, end)[0])
        assert checked[["shift_start_s", "shift_end_s"]].to_numpy().tolist() == [list(seconds)]

    @pytest.mark.parametrize("text", ["早上八点", "25:00", "8", "", "08:75", "08:30:99", "-1:00", "24:01"])
    def test_what_is_no_time_of_day(self, text: str) -> None:
        with pytest.raises(SchemaError, match=r"is not a time of day \(row 100\)"):
            self.team(text, "12:00")

    @pytest.mark.parametrize("missing", ["队伍名称", "出行方式", "上班时间", "下班时间"])
    def test_what_cannot_be_guessed_is_asked_for(self, missing: str) -> None:
        columns = {"队伍名称": ["甲"], "出行方式": ["步行"], "上班时间": ["8:00"], "下班时间": ["9:00"]}
        del columns[missing]
        with pytest.raises(SchemaError, match="has no column for"):
            conform("team", columns)

    def test_what_can_be_guessed(self) -> None:
        frame, findings = self.team("8:00", "9:00")
        assert (frame["kind"][0], frame["members"][0]) == ("grid_worker", 1)
        assert findings == {}


class TestIncidents:
    def at(self, values: Any) -> tuple[list[str], dict[str, Any]]:
        frame, findings = conform("incident", {"发生时间": values, "事件类型": ["盗窃"] * len(values)})
        checked = require_frame("incident", frame)
        return [moment.isoformat() for moment in checked["occurred_at"]], findings

    @pytest.mark.parametrize(
        "value",
        ["2024-03-01 08:00", "2024/3/1 8:00", "2024-03-01T08:00:00", "2024-03-01T00:00:00Z", "2024-03-01 09:00+09:00",
         "2024-03-01 08:00:00.000 +0800", 20240301080000, "20240301 08:00"],
    )  # fmt: skip
    def test_instants(self, value: Any) -> None:
        """Without an offset they are meant in the zone of the project, UTC+8."""
        assert self.at([value]) == (["2024-03-01T00:00:00+00:00"], {})

    @pytest.mark.parametrize("value", ["2024-03-01", "20240301", 20240301, 20240301.0, date(2024, 3, 1)])
    def test_days_begin_at_local_midnight(self, value: Any) -> None:
        assert self.at([value]) == (["2024-02-29T16:00:00+00:00"], {})

    def test_columns_of_dates(self) -> None:
        assert self.at(pd.to_datetime(["2024-03-01 08:00"]))[0] == ["2024-03-01T00:00:00+00:00"]
        assert self.at(pd.to_datetime(["2024-03-01 08:00"]).tz_localize("Asia/Tokyo"))[0] == [
            "2024-02-29T23:00:00+00:00"
        ]

    def test_offsets_may_be_mixed(self) -> None:
        moments, findings = self.at(["2024-03-01 08:00", "2024-03-01T08:00Z", "2024-03-01 08:00-05:00"])
        assert [moment[11:16] for moment in moments] == ["00:00", "08:00", "13:00"]
        assert findings == {}

    def test_what_cannot_be_read_is_left_out(self) -> None:
        moments, findings = self.at(["2024-03-01 08:00", "昨天", "", None])
        assert moments == ["2024-03-01T00:00:00+00:00"]
        assert findings == {"no_time": (101, 102, 103)}

    def test_summer_time_of_another_age(self) -> None:
        """China had summer time in 1986–1991: 12:00 was 03:00 UTC, and an hour that did not exist moves on."""
        assert self.at(["1988-07-01 12:00"])[0] == ["1988-07-01T03:00:00+00:00"]

    def test_column_is_needed(self) -> None:
        with pytest.raises(SchemaError, match="has no column for 'occurred_at'"):
            conform("incident", {"事件类型": ["盗窃"]})


@pytest.mark.parametrize("kind", sorted(set(IMPORT_KINDS) - {"team", "incident"}))
def test_no_column_at_all_is_enough(kind: str) -> None:
    frame, _ = conform(kind, {"备注": ["x", "y"]})
    frame["zoning_id"] = "a"
    assert len(require_frame("cell" if kind == "zoning" else kind, frame)) == 2
