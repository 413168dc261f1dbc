"""The list of conflicts and the coverage health in a real browser: filtered, handed out, and led to their places."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect


def shown_areas(page):
    """Return how many conflicts of each kind the map holds now."""
    return page.evaluate(
        """() => Object.fromEntries(yiwang.payload.order.filter(key => key.startsWith('conflict-')).map(
            key => [key, yiwang.map.hasLayer(yiwang.layers[key]) ? yiwang.layers[key].getLayers().length : 0]))"""
    )


def saved_table(page):
    with page.expect_download() as download:
        page.click("[data-save-table]")
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return download.value.suggested_filename, list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_conflicts_are_filtered_in_the_list_and_on_the_map(size, open_page):
    page = open_page("unified", size=size)
    rows, number = page.locator(".conflicts button"), page.locator("[data-conflict-count]")
    expect(rows).to_have_count(6)
    page.select_option("[data-filter=kind]", "border")
    expect(rows).to_have_count(3)
    expect(number).to_have_text("3")
    assert shown_areas(page) == {
        "conflict-border": 3, "conflict-gap": 0, "conflict-overlap": 0, "conflict-unassigned": 0,
    }  # fmt: skip
    page.select_option("[data-filter=kind]", "")
    page.select_option("[data-filter=department]", "0")
    expect(rows).to_have_count(4)
    assert sum(shown_areas(page).values()) == 4
    page.select_option("[data-filter=department]", "")
    assert sum(shown_areas(page).values()) == 6
    assert page.complaints == []


def test_filters_are_named_in_both_languages(open_page):
    page = open_page("unified", query="?lang=en")
    titles = page.locator("[data-filter=department] option").all_inner_texts()
    assert titles == ["All departments", "党建网格 (4)", "综治网格 (6)"]
    page.click("[data-set-lang=zh]")
    assert page.locator("[data-filter=kind] option").first.inner_text() == "全部类型"


def test_popup_names_the_facilities_and_the_way_out(open_page):
    page = open_page("unified")
    page.locator(".conflicts button").first.click()
    popup = page.locator(".leaflet-popup-content").inner_text()
    assert "以党建网格的边界为准" in popup
    assert "school1号点" in popup


def test_conflicts_are_saved_as_a_table_for_spreadsheets(open_page):
    page = open_page("unified")
    expect(page.locator("[data-workbook]")).to_be_hidden()
    name, table = saved_table(page)
    assert name == "边界冲突.csv"
    assert table[0][:4] == ["排名", "冲突类型", "甲方部门", "甲方网格"]
    assert [row[0] for row in table[1:]] == ["1", "2", "3", "4", "5", "6"]
    first = dict(zip(table[0], table[1], strict=True))
    assert first["冲突类型"] == "边界错位"
    assert first["争议面积（m²）"] == "17424.0"
    assert first["设施名单"] == "school1号点"
    assert first["处理建议"] == "以党建网格的边界为准"
    page.select_option("[data-filter=kind]", "gap")
    page.click("[data-set-lang=en]")
    name, table = saved_table(page)
    assert name == "border-conflicts.csv"
    assert table[0][7] == "Area in dispute (m²)"
    assert [row[1] for row in table[1:]] == ["Gap"]
    assert page.complaints == []


def test_table_of_hostile_names_holds_text_and_no_formula(open_page):
    page = open_page("unified", "hostile")
    page.evaluate("yiwang.payload.layers['conflict-gap'].columns.community[0] = '=HYPERLINK(1)'")
    _, table = saved_table(page)
    assert any(row[6] == "'=HYPERLINK(1)" for row in table)
    assert {len(row) for row in table} == {13}
    assert page.evaluate("window.broken") is None


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_every_row_of_the_health_leads_to_its_place(size, open_page):
    page = open_page("health", size=size)
    rows = page.locator(".health [data-focus]")
    expect(rows).to_have_count(11)
    expect(page.locator(".light.attention")).to_have_count(7)
    for place in range(rows.count()):
        page.click("[data-full-extent]")
        before = page.evaluate("yiwang.map.getZoom()")
        row = rows.nth(place)
        key = row.get_attribute("data-focus").split(":")[0]
        row.click()
        assert page.evaluate("yiwang.map.getZoom()") > before
        assert page.evaluate("key => yiwang.map.hasLayer(yiwang.layers[key])", key)
        expect(page.locator(".leaflet-popup-content")).to_have_count(1)
        marks = "Object.values(yiwang.map._layers).filter(l => ['#ffb000', '#00b7f0'].includes(l.options.color)).length"
        assert page.evaluate(marks) == 1
    assert page.complaints == []


def test_figure_of_the_health_leads_to_its_list(open_page):
    page = open_page("health", size="phone")
    page.locator("[data-light=street]").click()
    expect(page.locator("#health-street button")).to_be_in_viewport()
    assert "出城路" in page.locator("#health-street").inner_text()


def test_place_of_a_building_in_no_cell_is_marked(open_page):
    page = open_page("health")
    page.click("[data-focus='building:0']")
    text = page.locator(".leaflet-popup-content").inner_text()
    assert "河边楼" in text
    assert "12" in text
    off_m = page.evaluate("yiwang.map.getCenter().distanceTo(yiwang.layers.building.focus(0).latlng)")
    assert off_m < 120


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_healthy_town_says_so(size, open_page):
    page = open_page("health", "healthy", size)
    expect(page.locator(".verdict.good")).to_contain_text("体检合格")
    expect(page.locator(".light.attention")).to_have_count(0)
    expect(page.locator(".health section")).to_have_count(0)
    expect(page.locator(".imports tbody tr")).to_have_count(3)
    page.click("[data-set-lang=en]")
    expect(page.locator(".verdict.good")).to_contain_text("Nothing to complain about")
    assert page.complaints == []
