"""Columns of persons do not slip through, and those of places stay."""

from __future__ import annotations

import pandas as pd
import pytest

from geo.formats.personal import find_personal_values, is_personal_name

WHOLE = ["固定电话", "家庭电话", "办公电话号码", "联系人", "户主姓名", "居民身份证号", "家庭住址", "责任民警", "法人姓名",
         "紧急联系电话", "监护人电话", "值班电话", "业主"]  # fmt: skip


def cut(name: str, encoding: str) -> str:
    """Return a name as a shapefile keeps it."""
    return name.encode(encoding)[:10].decode(encoding, "replace")


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_whole_and_cut(name: str, encoding: str) -> None:
    assert is_personal_name(name)
    assert is_personal_name(cut(name, encoding))


@pytest.mark.parametrize("name", ["home_telep", "office_pho", "contact_ph", "owner_name", "person_nam", "Resident_P"])
def test_cut_latin_names(name: str) -> None:
    assert is_personal_name(name)


PLACES = ["派出所", "变电所", "社区", "网格名称", "居委会", "责任网格", "医院名称", "学校", "热线", "人口数", "居民户数",
          "党员人数", "Shape_Leng", "Shape_Area", "building_n", "population", "school_nam", "facil_name", "住宅小区",
          "服务", "物业", "固定", "家庭", "phone_count"]  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_places_and_counts_stay(name: str) -> None:
    assert not is_personal_name(name)


def test_values() -> None:
    frame = pd.DataFrame(
        {
            "备注": ["无", "请拨13812345678"],
            "x": [13812345678.0, float("nan")],
            "n": [13812345678, 1],
            "id": ["11010519491231002X", ""],
            "Shape_Leng": [0.13812345678, 2.5],
            "long": ["113.13812345678", "113.1"],
            "code": ["420106001013812345678", "1"],
        }
    )
    assert find_personal_values(frame, tuple(frame.columns)) == ("备注", "x", "n", "id")
