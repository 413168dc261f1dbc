"""Pages in a real browser, opened from disk: closed to the outside, quiet, and usable."""

import pytest
from playwright.sync_api import expect

from maps import PAGES

KINDS = {"desktop": ("town", "hostile"), "phone": ("town", "empty")}


def picture_of(page):
    """Return the pixels of all canvases of the map, as text to compare."""
    return page.evaluate(
        "Array.from(document.querySelectorAll('.leaflet-map-pane canvas')).map(c => c.toDataURL()).join()"
    )


def shows(page, key):
    return page.evaluate("key => yiwang.map.hasLayer(yiwang.layers[key])", key)


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_closed_quiet_and_fits(name, size, open_page, folders):
    for kind in KINDS[size]:
        page = open_page(name, kind, size)
        inside = folders[kind].as_uri()
        assert [url for url in page.requests if not url.startswith((inside, "data:image/svg+xml"))] == []
        assert page.complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
        assert page.evaluate("document.body.scrollWidth") <= page.viewport_size["width"]
        assert page.evaluate("window.broken") is None
        page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_map_shows_the_whole_area_with_scale(name, open_page):
    page = open_page(name)
    inside = "yiwang.map.getBounds().contains(L.latLngBounds(yiwang.payload.bounds))"
    assert page.evaluate(inside)
    page.evaluate("yiwang.map.setView(yiwang.map.getCenter(), 19, {animate: false})")
    assert not page.evaluate(inside)
    page.click("[data-full-extent]")
    assert page.evaluate(inside)
    scale = page.locator(".leaflet-control-scale-line").all_inner_texts()
    assert len(scale) == 1
    assert scale[0].endswith(" m")


@pytest.mark.parametrize("name", PAGES)
def test_every_layer_can_be_switched(name, open_page):
    page = open_page(name)
    boxes = page.locator("[data-toggle]")
    for place in range(boxes.count()):
        box = boxes.nth(place)
        key, before = box.get_attribute("data-toggle"), box.is_checked()
        assert shows(page, key) is before
        box.click()
        assert shows(page, key) is not before
        box.click()
        assert shows(page, key) is before
    assert page.complaints == []


def test_switching_a_layer_changes_the_drawing_and_back(open_page):
    page = open_page("unified")
    first = picture_of(page)
    page.click("[data-toggle=unified]")
    page.wait_for_timeout(100)
    without = picture_of(page)
    page.click("[data-toggle=unified]")
    page.wait_for_timeout(100)
    assert first != without
    assert picture_of(page) == first


def test_language_is_switched_without_reload_and_kept(open_page):
    page = open_page("unified")
    assert page.locator(".tabs .here").inner_text() == "一网"
    page.evaluate("window.stayed = true")
    page.click("[data-set-lang=en]")
    assert page.locator(".tabs .here").inner_text() == "One grid"
    assert page.locator("[data-search]").get_attribute("placeholder") == "Find a cell"
    assert page.evaluate("window.stayed") is True
    page.click(".tabs a[href^=routes]")
    page.wait_for_selector("body[data-ready]")
    assert page.locator(".tabs .here").inner_text() == "Patrol routes"
    assert page.evaluate("localStorage.getItem('yiwang-lang')") == "en"
    page.click("[data-set-lang=zh]")
    assert page.locator(".tabs .here").inner_text() == "巡防路线"


def test_language_of_the_address_wins(open_page):
    assert open_page("risk", query="?lang=en").locator(".tabs .here").inner_text() == "Heat map"


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_conflict_of_the_list_is_shown_on_the_map(size, open_page):
    page = open_page("unified", size=size)
    before = page.evaluate("yiwang.map.getZoom()")
    page.locator(".conflicts button").nth(3).click()
    assert page.evaluate("yiwang.map.getZoom()") > before
    popup = page.locator(".leaflet-popup-content")
    assert "缝隙" in popup.inner_text()
    assert "11,616 m²" in popup.inner_text()
    centre = page.evaluate("[yiwang.map.getCenter().lng, yiwang.map.getCenter().lat]")
    bounds = page.evaluate("(b => [b.getWest(), b.getEast()])(yiwang.layers['conflict-gap'].getBounds())")
    assert bounds[0] - 0.002 < centre[0] < bounds[1] + 0.002


def test_cell_tells_where_it_comes_from(open_page):
    page = open_page("unified")
    page.fill("[data-search]", "新塘村03")
    page.locator("[data-hits] button").first.click()
    text = page.locator(".leaflet-popup-content").inner_text()
    assert "新塘村03网格" in text
    assert "党建网格第1格 · PA001" in text
    assert "86 %" in text


def test_click_on_a_cell_opens_its_popup(open_page):
    page = open_page("unified")
    place = page.evaluate(
        "(p => [p.x, p.y])(yiwang.map.latLngToContainerPoint("
        "yiwang.layers.unified.getLayers()[0].getBounds().getCenter()))"
    )
    frame = page.locator(".folium-map").bounding_box()
    page.mouse.click(frame["x"] + place[0] + 6, frame["y"] + place[1] + 14)
    assert "430482001000001" in page.locator(".leaflet-popup-content").inner_text()


def test_hostile_names_are_shown_as_text(open_page):
    page = open_page("unified", "hostile")
    page.locator(".conflicts button").first.click()
    assert "</script><img src=x" in page.locator(".leaflet-popup-content").inner_text()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.broken") is None


@pytest.mark.parametrize("name", ["zonings", "facilities"])
def test_one_layer_can_be_seen_alone(name, open_page):
    page = open_page(name)
    button = page.locator("[data-only]").first
    key = button.get_attribute("data-only")
    family = [other for other in page.evaluate("yiwang.payload.order") if other.startswith(key.split("-")[0] + "-")]
    button.click()
    assert [other for other in family if shows(page, other)] == [key]
    button.click()
    assert all(shows(page, other) for other in family)


def test_facility_popup_names_it(open_page):
    page = open_page("facilities")
    page.fill("[data-search]", "school17")
    page.locator("[data-hits] button").first.click()
    text = page.locator(".leaflet-popup-content").inner_text()
    assert "school17号点" in text
    assert "学校" in text


def test_segment_nearest_to_the_click_answers(open_page):
    page = open_page("network")
    place = page.evaluate("(p => [p.x, p.y])(yiwang.map.latLngToContainerPoint(yiwang.layers.islands.focus(0).latlng))")
    frame = page.locator(".folium-map").bounding_box()
    page.mouse.click(frame["x"] + place[0] + 2, frame["y"] + place[1] + 2)
    assert "孤岛路" in page.locator(".leaflet-popup-content").inner_text()


def test_finding_leads_to_its_place(open_page):
    page = open_page("network")
    page.click("[data-place]")
    assert page.evaluate("yiwang.map.getZoom()") == 18


def test_leg_and_visit_of_a_route_are_shown(open_page):
    page = open_page("routes")
    page.click("[data-route=route-2] summary")
    first = picture_of(page)
    page.click("[data-focus='route-2:4:leg']")
    assert "空驶" in page.locator(".leaflet-popup-content").inner_text()
    assert picture_of(page) != first
    page.click("[data-focus='route-2:1:visit']")
    expect(page.locator(".leaflet-popup-content").last).to_contain_text("school17")
    expect(page.locator(".leaflet-popup-content").last).to_contain_text("08:00–10:00")


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_address_of_a_route_opens_it_alone(size, open_page):
    page = open_page("routes", size=size, query="#2")
    routes = [key for key in page.evaluate("yiwang.payload.order") if key.startswith("route-")]
    assert len(routes) > 1
    assert [key for key in routes if shows(page, key)] == ["route-2"]
    assert page.locator("[data-route=route-2]").get_attribute("open") is not None
    assert page.evaluate("yiwang.map.getBounds().contains(yiwang.layers['route-2'].getBounds())")
    page.evaluate("document.querySelector('[data-only=route-2]').click()")
    assert all(shows(page, key) for key in routes)
    assert "#" not in page.url
    page.evaluate("document.querySelector('[data-only=route-1]').click()")
    assert [key for key in routes if shows(page, key)] == ["route-1"]
    assert page.url.endswith("routes.html#1")
    page.evaluate("location.hash = '#2'")
    page.wait_for_function("yiwang.map.hasLayer(yiwang.layers['route-2'])")
    assert [key for key in routes if shows(page, key)] == ["route-2"]
    assert page.complaints == []


@pytest.mark.parametrize("hash_", ["#0", "#99", "#x", "#__proto__"])
def test_address_of_no_route_shows_all(hash_, open_page):
    page = open_page("routes", query=hash_)
    assert all(shows(page, key) for key in page.evaluate("yiwang.payload.order") if key.startswith("route-"))


def test_route_leads_to_its_file_for_handhelds(open_page, folders):
    page = open_page("routes")
    links = page.locator("[data-route=route-2] .route-tools a").evaluate_all("links => links.map((link) => link.href)")
    assert [link.rpartition(".")[2] for link in links] == ["html", "gpx", "kml"]
    assert all(link.startswith(f"{folders['town'].as_uri()}/routes/02_") for link in links)


@pytest.mark.parametrize("zoom", [16, 19])
def test_visits_and_depot_do_not_cover_each_other(zoom, open_page):
    page = open_page("routes", query="#2")
    page.evaluate("zoom => void yiwang.map.setZoom(zoom, {animate: false})", zoom)
    covered = page.evaluate("""() => {
      const depot = document.querySelector('.depot').getBoundingClientRect();
      return Array.from(document.querySelectorAll('.leaflet-marker-pane .visit')).filter((one) => {
        const box = one.getBoundingClientRect();
        return Math.abs(box.x - depot.x) < 16 && Math.abs(box.y - depot.y) < 16;
      }).length;
    }""")
    assert covered == 0


def test_routes_say_what_is_not_served_and_how_fair_they_are(open_page):
    text = open_page("routes", query="?lang=en").locator("#panel").inner_text()
    assert "no team can reach it in time" in text
    assert "Balance = longest ÷ mean duration" in text


def test_months_change_the_surface(open_page):
    page = open_page("risk")
    pictures = []
    for place in range(5):
        page.locator("[data-slider] input").fill(str(place))
        pictures.append(page.evaluate("yiwang.layers.surface._container.toDataURL()"))
        assert page.locator("[data-period]").inner_text() == ("全部时段" if place == 0 else f"2024-0{place}")
    assert len(set(pictures)) == 5
    page.click("[data-play]")
    expect(page.locator("[data-period]")).not_to_have_text("2024-04")


def test_surface_lies_where_its_points_are(open_page):
    page = open_page("risk")
    off_m = page.evaluate(
        """() => {
            const [sw, se, nw] = yiwang.payload.layers.surface.corners.map(c => L.latLng(yiwang.decodePoint(c, 0)));
            const box = L.latLngBounds(yiwang.payload.bounds);
            const wanted = [box.getSouthWest(), box.getSouthEast(), box.getNorthWest()];
            return [sw, se, nw].map((corner, place) => corner.distanceTo(wanted[place]));
        }"""
    )
    assert max(off_m) < 60


def test_ranked_cell_is_shown_on_the_map(open_page):
    page = open_page("risk")
    page.locator(".ranking tbody tr").first.click()
    assert shows(page, "risk-cells")
    assert "件/公顷" in page.locator(".leaflet-popup-content").inner_text()


def test_panel_of_the_phone_can_be_pulled(open_page):
    page = open_page("unified", size="phone")
    low = page.locator("#panel").bounding_box()["height"]
    page.tap("[data-grip]")
    page.wait_for_timeout(300)
    assert page.locator("#panel").bounding_box()["height"] > low + 100
    page.tap("[data-legend] summary")
    assert page.complaints == []
