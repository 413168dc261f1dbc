"""The route sheet: everything on it, nothing loaded, names stay text, labels clear of each other, the scale true."""

from __future__ import annotations

import datetime as dt
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import shapely

from geo.errors import ParameterError
from geo.model.plan import Route
from maps.sheet import SheetParams, phone_page_url, render_sheet
from maps.sheet_paper import Paper, Room, arrows, beside, tilted_box

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from walks import ROUND, itinerary_of, problem_of, town, view_of, visit_at

HOSTILE = "</script><img src=x onerror=\"window.broken=1\"><b>'坏名字' & http://evil.example/a.js"


class Sheet(HTMLParser):
    """The elements of a sheet, and the text of its table cells by row."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._inside = ""
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag if tag == "style" else ""
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside != "style":
            self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += " ".join(data.split())


@pytest.fixture(scope="module")
def routes():
    network = town()
    return view_of(itinerary_of(network, ROUND, [visit_at(network, 200, 100)]))


@pytest.fixture(scope="module")
def sheet(routes):
    params = SheetParams("zh", "https://grid.example/base/", dt.date(2024, 3, 2))
    return Sheet(render_sheet(routes, routes.itineraries[0], params))


class TestSheet:
    def test_says_who_when_and_how_far(self, sheet):
        for text in (
            "巡逻一队",
            "示范镇",
            "2024-03-02",
            "08:00–12:00",
            "08:00–08:19",
            "600 m",
            "400 m",
            "巡防路线单",
            "Patrol route sheet",
        ):
            assert text in sheet.text, text
        assert "方案 P1，生成于 2024-03-01 07:30" in sheet.text

    def test_table_has_every_instruction_in_order(self, sheet):
        body = [row for row in sheet.rows if row]
        assert [row[0] for row in body] == ["1", "2", "3", "4", "5", "6", "7"]
        assert body[1][2] == "左转，进入三巷Turn left onto 三巷"
        assert body[1][3:] == ["途经Pass through", "100", "08:03", "1:20"]
        assert body[2][2].startswith("第 1 处：和平小学Visit 1: 和平小学学校School停留 10 分钟Stay 10 min")
        assert body[2][4:] == ["", "08:05", "10:00"]

    def test_qr_code_leads_to_the_phone_page(self, routes):
        segno = pytest.importorskip("segno")
        url = "https://grid.example/base/maps/routes.html#1"
        assert phone_page_url("https://grid.example/base/", 1) == url
        document = render_sheet(routes, routes.itineraries[0], SheetParams(base_url="https://grid.example/base"))
        wanted = segno.make(url, error="m", micro=False).svg_inline(
            omitsize=True, border=1, svgclass="qr", lineclass=None
        )
        assert wanted in document
        assert url in Sheet(document).text

    def test_without_address_it_says_so(self, routes):
        document = render_sheet(routes, routes.itineraries[0])
        assert "未设置手机页面地址" in document
        assert 'class="qr"' not in document

    @pytest.mark.parametrize("language", ["zh", "en", "both"])
    def test_language_is_the_checked_one(self, routes, language):
        sheet = Sheet(render_sheet(routes, routes.itineraries[0], SheetParams(language)))
        checked = [attributes["id"] for tag, attributes in sheet.elements if tag == "input" and "checked" in attributes]
        assert checked == [f"in-{language}"]

    def test_same_routes_same_sheet(self, routes):
        assert render_sheet(routes, routes.itineraries[0]) == render_sheet(routes, routes.itineraries[0])

    def test_loads_and_runs_nothing(self, sheet):
        tags = {tag for tag, _ in sheet.elements}
        assert not tags & {"script", "img", "link", "iframe", "a", "object"}
        hrefs = [attributes["href"] for _, attributes in sheet.elements if "href" in attributes]
        symbols = {f"#{attributes['id']}" for tag, attributes in sheet.elements if tag == "symbol"}
        assert set(hrefs) <= symbols

    def test_hostile_names_stay_text(self):
        network = town(name=HOSTILE)
        itinerary = itinerary_of(network, ROUND, [visit_at(network, 200, 100, name=HOSTILE)], team=HOSTILE)
        sheet = Sheet(render_sheet(view_of(itinerary, network=network, project=HOSTILE), itinerary))
        assert "img" not in {tag for tag, _ in sheet.elements}
        assert not any(key.startswith("on") for _, attributes in sheet.elements for key in attributes)
        assert sheet.text.count(HOSTILE) >= 6

    def test_map_names_the_streets_and_numbers_the_visits(self, sheet, routes):
        document = render_sheet(routes, routes.itineraries[0])
        drawn = document[document.index('<svg class="map"') : document.index("</figure>")]
        assert re.findall(r'class="visit-number">(\d+)<', drawn)[0] == "1"
        assert {"人民路", "解放路", "二巷", "三巷"} <= set(re.findall(r'class="street">([^<]+)<', drawn))
        assert "N 北" in drawn

    def test_route_without_a_way_has_no_sheet(self, routes):
        from geo.algorithms.routing.itinerary import make_itinerary

        empty = make_itinerary(problem_of(town()), Route(0, 0.0, 0.0, ()))
        with pytest.raises(ParameterError, match="goes nowhere"):
            render_sheet(routes, empty)

    @pytest.mark.parametrize(
        "wrong", [{"language": "fr"}, {"base_url": "ftp://x"}, {"base_url": "javascript:alert(1)"}]
    )
    def test_wrong_parameters(self, wrong):
        with pytest.raises(ParameterError):
            SheetParams(**wrong)


class TestPaper:
    def test_ground_fits_and_scale_is_true(self):
        paper = Paper.around((1000.0, 2000.0, 2000.0, 2400.0), 120.0)
        (left, top), (right, bottom) = paper.to_mm(np.array([(1000.0, 2400.0), (2000.0, 2000.0)]))
        assert (left, right) == (pytest.approx(9), pytest.approx(177))
        assert 0 < top < bottom < 120
        assert (top + bottom) / 2 == pytest.approx(60)
        assert right - left == pytest.approx(1000 * paper.mm_per_m)
        assert paper.ratio == 6000  # 168 mm for 1 km
        assert paper.ground[2] - paper.ground[0] == pytest.approx(186 / paper.mm_per_m)

    @pytest.mark.parametrize("extent_m", [0.0, 80.0, 500.0, 3_000.0, 40_000.0])
    def test_scale_bar_is_round_and_of_a_good_length(self, extent_m):
        paper = Paper.around((0.0, 0.0, extent_m, extent_m / 2), 150.0)
        length_m, length_mm = paper.scale_bar()
        assert str(length_m)[0] in "125"
        assert 20 <= length_mm <= 55
        assert length_mm == pytest.approx(length_m * paper.mm_per_m)

    def test_labels_keep_clear_of_each_other(self):
        room = Room(Paper.around((0, 0, 100, 100), 100.0))
        first = room.take_spot(50, 50, 2.5, reach=6)
        second = room.take_spot(51, 50, 2.5, reach=6)
        assert first == (50, 50)
        assert np.hypot(second[0] - 50, second[1] - 50) >= 5
        assert room.take_spot(0, 0, 2.5) is None

    def test_tilted_box_turns_clockwise_on_paper(self):
        box = tilted_box(10, 10, 8, 2, 90)
        assert (
            box.equals_exact(shapely.box(9, 6, 11, 14), 1e-9)
            or box.symmetric_difference(shapely.box(9, 6, 11, 14)).area < 1e-9
        )
        corner = max(shapely.get_coordinates(tilted_box(0, 0, 8, 0.001, 30)).tolist())
        assert corner == pytest.approx([4 * np.cos(np.radians(30)), 4 * np.sin(np.radians(30))], abs=0.01)

    def test_ways_walked_twice_lie_on_the_right(self):
        """Eastwards the line moves down on paper, which is south."""
        assert beside(np.array([(0.0, 10.0), (20.0, 10.0)]), 0.6)[:, 1].tolist() == pytest.approx([10.6, 10.6])
        assert beside(np.array([(20.0, 10.0), (0.0, 10.0)]), 0.6)[:, 1].tolist() == pytest.approx([9.4, 9.4])

    def test_arrows_point_ahead(self):
        assert arrows(np.array([(0.0, 0.0), (30.0, 0.0)]), 16) == [(7.5, 0, 0), (22.5, 0, 0)]
        assert arrows(np.array([(0.0, 0.0), (0.0, 10.0)]), 16) == [(0, 5, 90)]
        assert arrows(np.array([(0.0, 0.0), (3.0, 0.0)]), 16) == []
