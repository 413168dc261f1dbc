"""The page 覆盖体检: every trouble of the made-up town is counted, listed and placed; a healthy town says so."""

import re
from dataclasses import replace

import pytest

from geo.model.frames import REPAIR_KINDS, empty_frame
from maps import render_page
from maps.encoding import Encoder
from maps.labels import label
from maps.pages import health, health_places


@pytest.fixture(scope="module")
def scene(town):
    return health.compose(town, Encoder(4547, (0, 0)))


@pytest.fixture(scope="module")
def complaints(scene):
    return {one.key: one for one in scene.context["complaints"]}


def with_frame(view, **frames):
    return replace(view, frames={**view.frames, **frames})


def test_every_trouble_is_counted(complaints, scene):
    counts = {key: one.count for key, one in complaints.items()}
    assert counts == {
        "gap": 1, "overlap": 1, "unassigned": 1, "small": 0, "sliver": 2, "building": 2, "facility": 1, "street": 1,
        "left-out": 1, "repair": 1,
    }  # fmt: skip
    assert scene.context["troubles"] == ["gap", "overlap", "unassigned", "building", "facility", "street", "left-out"]


def test_figures_say_how_much(complaints):
    assert complaints["gap"].note.en == "11,616 m²"
    assert complaints["sliver"].note.en == "160 m² joined a neighbouring cell"
    assert complaints["building"].note.en == "17 households in them"
    assert complaints["street"].figure.en == "231 m"
    assert complaints["repair"].note.en == "37 m² moved"
    assert [value for _, _, value in complaints["sliver"].rows] == ["120 m²", "40 m²"]
    assert complaints["building"].rows[0][0].zh == "河边楼"
    assert complaints["repair"].rows[0][1].zh == "党建网格 · PA003"


def test_every_row_leads_to_a_feature_of_a_layer(complaints, scene):
    sizes = {layer.key: layer.count for layer in scene.layers}
    for one in complaints.values():
        assert len(one.rows) <= sizes.get(one.layer, 0) or not one.rows
    assert sum(len(one.rows) for one in complaints.values()) == 11


def test_cells_below_the_limits_of_the_last_unifying_are_small(town):
    report = {**town.reports["unify"][-1], "params": {"slivers": {"min_width_m": 0.0, "min_area_m2": 100_000.0}}}
    view = replace(town, reports={**town.reports, "unify": [report]})
    assert len(health_places.small_cells(view)) == len(town.frames["unified_cell"])
    report["params"] = {"slivers": {"min_width_m": 146.0, "min_area_m2": 0.0}}
    assert health_places.small_cells(view).empty
    report["params"] = {"slivers": {"min_width_m": 147.0, "min_area_m2": 0.0}}
    found = health_places.small_cells(view)
    assert found["width_m"].round(6).unique().tolist() == [round(2 * 440 * 220 / (2 * (440 + 220)), 6)]
    assert "small" in health_places.troubles(view)


def test_street_that_leaves_the_cells_is_shown_from_where_it_leaves(town):
    streets, held = town.frames["street"].copy(), town.frames["street_cell"]
    leaving = streets["name"] == "东西1路"
    streets.loc[leaving, "geometry"] = streets.loc[leaving].translate(0, 30).scale(1.25, 1, origin=(520_000, 3_370_030))
    pieces, whole_m = health_places.streets_outside(with_frame(town, street=streets, street_cell=held), 10)
    assert whole_m == pytest.approx(440 + 231)
    assert pieces["name"].tolist() == ["东西1路", "出城路"]
    assert pieces.geometry.iloc[0].bounds == pytest.approx((521_760, 3_370_030, 522_200, 3_370_030))


def test_streets_of_a_project_unified_before_its_streets_lie_in_no_cell(town):
    view = with_frame(town, street_cell=empty_frame("street_cell"))
    assert health_places.streets_outside(view, 1000)[1] == pytest.approx(town.frames["street"].length.sum())


def test_imports_that_were_replaced_are_not_told(town):
    rows = health_places.import_rows(town)
    assert [(row["source"], row["read"], row["left_out"]) for row in rows] == [
        ("党建网格.shp", 12, 0), ("警务网格.shp", 4, 0), ("设施.shp", 65, 1),
    ]  # fmt: skip


def test_imports_that_were_added_are_all_told(town):
    added = [{**town.reports["import"][3], "source": name, "rows_read": 32, "rows_stored": 32} for name in "ab"]
    view = replace(town, reports={**town.reports, "import": added})
    assert [row["source"] for row in health_places.import_rows(view)] == ["a", "b"]
    assert health_places.left_out(view) == 1


def test_import_after_unifying_is_told(town):
    stamped = {step: [{**report, "created_at": day} for report in town.reports[step]]
               for step, day in (("import", "2024-05-02"), ("unify", "2024-05-01"))}  # fmt: skip
    view = replace(town, reports={**town.reports, **stamped})
    assert "统一之后又导入了图层" in render_page("health", view)
    assert "统一之后又导入了图层" not in render_page("health", town)


def test_healthy_town_has_nothing_to_complain_about(healthy_town, town):
    assert health_places.troubles(healthy_town) == []
    page, other = render_page("health", healthy_town), render_page("health", town)
    assert "体检合格" in page
    assert "体检合格" not in other
    assert "有 7 项需要查看" in other
    assert not re.search(r'class="light attention"', page)
    assert "nothing to complain about" in render_page("index", healthy_town)


@pytest.mark.parametrize("kind", REPAIR_KINDS)
def test_every_repair_has_words(kind):
    words = label("repair", kind)
    assert kind not in (words.zh, words.en)
    assert words.zh != words.en


def test_page_of_a_large_town_stays_small_and_quick(town):
    many = 40_000
    streets = town.frames["street"].iloc[[0] * many].reset_index(drop=True).assign(street_id=range(1, many + 1))
    buildings = town.frames["building"].iloc[[1] * many].reset_index(drop=True)
    held = streets[["street_id"]].assign(cell_code="430482001000001", length_m=streets.length)
    view = with_frame(town, street=streets, building=buildings, street_cell=held[:-200])
    page = render_page("health", view)
    assert len(page.encode()) < 6_000_000
    assert "仅绘制最大的 4,000 处" in page


def test_a_layer_that_may_lie_elsewhere_is_told_on_top(town):
    message = "The layer lies {distance_km:.0f} km from the rest of the project. Check its coordinate system."
    far = {"code": "far_away", "severity": "warning", "message": message, "context": {"distance_km": 54321.0}}
    imports = [{**report, "findings": [far]} for report in town.reports["import"]]
    told = render_page("health", replace(town, reports={**town.reports, "import": imports}))
    assert "54321" not in render_page("health", town)
    assert told.index("54321") < told.index('class="lights"')
