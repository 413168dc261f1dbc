"""Columns are found under the names that offices use, whole or cut to 10 bytes, and personal ones stay outside."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from geo.errors import SchemaError
from geo.formats.columns import choose_columns, find_personal_values, pack_attributes, translate_values


def cut(name: str, encoding: str) -> str:
    """Return a name as a .dbf holds it: 10 bytes, a half character lost."""
    return name.encode(encoding)[:10].decode(encoding, "ignore")


@pytest.mark.parametrize(
    ("kind", "columns", "chosen"),
    [
        ("zoning", ["网格编码", "网格名称", "所属社区"], {"code": 0, "name": 1, "community_name": 2}),
        ("zoning", ["GRID_CODE", "Grid Name", "x"], {"code": 0, "name": 1}),
        ("zoning", ["编号", "网格编码"], {"code": 1}),
        ("community", ["社区名称", "社区代码", "街道名称"], {"name": 0, "code": 1, "street_name": 2}),
        ("facility", ["地址", "设施类型", "名称", "编号"], {"address": 0, "kind": 1, "name": 2, "code": 3}),
        ("street", ["路名", "道路等级", "单行", "层级", "限速"],
         {"name": 0, "road_class": 1, "oneway": 2, "level": 3, "maxspeed_kmh": 4}),
        ("incident", ["案发时间", "案件类型"], {"occurred_at": 0, "kind": 1}),
        ("building", ["户数", "楼层", "楼栋名称"], {"households": 0, "floors": 1, "name": 2}),
        ("team", ["队伍名称", "出行方式", "人数", "上班时间", "下班时间", "队伍类型"],
         {"name": 0, "mode": 1, "members": 2, "shift_start_s": 3, "shift_end_s": 4, "kind": 5}),
        ("team", [], {}),
    ],
)  # fmt: skip
def test_names_of_offices(kind: str, columns: list[str], chosen: dict[str, int]) -> None:
    choice = choose_columns(kind, columns, {})
    assert choice.chosen == {target: columns[number] for target, number in chosen.items()}
    assert set(choice.unmapped) == set(columns) - set(choice.chosen.values())


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
@pytest.mark.parametrize(
    ("kind", "target", "name"),
    [("community", "code", "行政区划代码"), ("team", "mode", "出行方式"), ("zoning", "code", "网格编码"),
     ("facility", "name", "facility_name"), ("incident", "occurred_at", "发生时间"),
     ("community", "code", "community_code")],
)  # fmt: skip
def test_names_cut_to_ten_bytes(kind: str, target: str, name: str, encoding: str) -> None:
    short = cut(name, encoding)
    assert len(short.encode(encoding)) <= 10
    assert choose_columns(kind, [short], {}).chosen == {target: short}


def test_one_column_serves_one_target() -> None:
    choice = choose_columns("zoning", ["名称", "社区"], {})
    assert sorted(choice.chosen.values()) == ["名称", "社区"]


def test_mapping_of_the_user_wins() -> None:
    choice = choose_columns("zoning", ["网格编码", "旧编码", "名称"], {"code": "旧编码"})
    assert choice.chosen == {"code": "旧编码", "name": "名称"}
    assert choice.unmapped == ("网格编码",)


@pytest.mark.parametrize("wanted", [{"code": "没有"}, {"colour": "编码"}])
def test_mapping_of_the_user_that_does_not_fit(wanted: dict[str, str]) -> None:
    with pytest.raises(SchemaError, match="Column mapping"):
        choose_columns("zoning", ["编码"], wanted)


PERSONAL = ["责任民警", "网格长", "楼栋长", "报警人", "车牌号", "TEL", "principal", "家庭住址",
            "姓名", "户主姓名", "身份证号", "手机号码", "联系电话", "联系人", "联系方式", "网格员名字", "负责人",
            "Person_Name", "PHONE", "mobile_no", "id_card", "出生日期", "民族"]  # fmt: skip


@pytest.mark.parametrize("column", PERSONAL)
@pytest.mark.parametrize("encoding", [None, "gb18030", "utf-8"])
def test_personal_columns_are_left_out(column: str, encoding: str | None) -> None:
    column = cut(column, encoding) if encoding else column
    choice = choose_columns("facility", ["名称", column, "备注"], {})
    assert choice.personal == (column,)
    assert choice.unmapped == ("备注",)
    assert choice.chosen == {"name": "名称"}


@pytest.mark.parametrize(
    "column", ["户数", "人数", "居民户数", "民警数", "楼层", "备注", "面积", "重点人员数", "长度", "hotel"]
)
def test_counts_are_not_personal(column: str) -> None:
    assert choose_columns("zoning", [column], {}).personal == ()


def test_columns_with_personal_values_are_found_whatever_their_name() -> None:
    frame = pd.DataFrame(
        {
            "说明": ["正常", "找13812345678", None],
            "编号": ["429900001003006", "42990000100300612", "1381234567"],
            "备注": ["110105194912310021", "", ""],
            "数": [13812345678, 1, 2],
            "分数": [1.5, 2.0, None],
        }
    )
    assert find_personal_values(frame, tuple(frame.columns)) == ("说明", "备注", "数")


@pytest.mark.parametrize(
    ("table", "words", "values"),
    [
        ("facility_kind", ["派出所", "监控", "消火栓", "社区居委会", "Fire Hydrant", "camera"],
         ["police_station", "camera", "hydrant", "government", "hydrant", "camera"]),
        ("road_class", ["主干路", "支路", "巷", "Primary_Link", "footway"],
         ["primary", "residential", "lane", "primary", "pedestrian"]),
        ("oneway", ["是", "否", "双向", "反向", "-1", "1", "0", "yes", "NO", "", "True", " 正向 "],
         ["forward", "both", "both", "backward", "backward", "forward", "both", "forward", "both", "both", "forward",
          "forward"]),
        ("team_kind", ["民警", "志愿者", "保安", "网格员"], ["police", "volunteer", "guard", "grid_worker"]),
        ("mode", ["步行", "电动车", "汽车", "E-Bike", "ebike"], ["foot", "ebike", "car", "ebike", "ebike"]),
    ],
)  # fmt: skip
def test_words(table: str, words: list[str], values: list[str]) -> None:
    found, unknown = translate_values(pd.Series(words), table, None)
    assert found.tolist() == values
    assert not unknown.any()


def test_numbers_as_words() -> None:
    found, unknown = translate_values(pd.Series([1, 0, -1, 7]), "oneway", "both")
    assert found.tolist() == ["forward", "both", "backward", "both"]
    assert unknown.tolist() == [False, False, False, True]


def test_unknown_words_are_marked() -> None:
    found, unknown = translate_values(pd.Series(["派出所", "火星基地", None]), "facility_kind", "other")
    assert found.tolist() == ["police_station", "other", "other"]
    assert unknown.tolist() == [False, True, True]


def test_attributes_are_json_without_blanks() -> None:
    frame = pd.DataFrame(
        {
            "名": ["甲", "", None],
            "数": [1.5, np.nan, 2.0],
            "整": np.array([1, 2, 3]),
            "日": pd.to_datetime(["2024-03-01", None, None]),
        }
    )
    packed = [json.loads(text) for text in pack_attributes(frame, ("名", "数", "整", "日"))]
    assert packed == [{"名": "甲", "数": 1.5, "整": 1, "日": "2024-03-01 00:00:00"}, {"整": 2}, {"数": 2.0, "整": 3}]
    assert pack_attributes(frame, ()) == ["{}"] * 3
