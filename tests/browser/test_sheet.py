"""Route sheets as Chromium prints them: A4, one page when the route is short, the head of the table on every page."""

import re
import sys
from pathlib import Path

import pytest

from maps.sheet import SheetParams, render_sheet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from walks import ROUND, itinerary_of, town, view_of, visit_at

A4_POINTS = (595, 842)


def sheet_of(rounds: int, language: str = "zh") -> str:
    network = town()
    walk = [part for _ in range(rounds) for part in ROUND]
    itinerary = itinerary_of(network, walk, [visit_at(network, 200, 100)])
    return render_sheet(view_of(itinerary), itinerary, SheetParams(language, "https://grid.example"))


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens a sheet from a file and keeps what it asked for and complained about."""
    contexts = []

    def open_sheet(document):
        context = browser.new_context(viewport={"width": 1000, "height": 1300}, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        path = tmp_path / "路线单.html"
        path.write_text(document, encoding="utf-8")
        page.goto(path.as_uri())
        return page

    yield open_sheet
    for context in contexts:
        context.close()


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@pytest.mark.parametrize("language", ["zh", "en", "both"])
def test_short_route_fits_one_page(opened, language):
    pdf = opened(sheet_of(1, language)).pdf(prefer_css_page_size=True, print_background=True)
    assert pages_of(pdf) == 1
    width, height = (float(size) for size in re.search(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", pdf).groups())
    assert (width, height) == pytest.approx(A4_POINTS, abs=2)


def test_long_route_goes_on_with_the_head_of_the_table(opened):
    page = opened(sheet_of(12))
    assert pages_of(page.pdf(prefer_css_page_size=True)) >= 3
    page.emulate_media(media="print")
    assert page.eval_on_selector("thead", "head => getComputedStyle(head).display") == "table-header-group"
    assert not page.is_visible(".tools")


def test_nothing_is_loaded_and_nothing_complains(opened):
    page = opened(sheet_of(1))
    assert [url for url in page.requests if not url.startswith("file:")] == []
    assert len(page.requests) == 1
    assert page.complaints == []


def test_reader_chooses_the_language(opened):
    page = opened(sheet_of(1))
    row = page.locator("tbody tr").nth(1)
    assert row.locator("strong").inner_text() == "左转，进入三巷"
    page.get_by_text("English", exact=True).click()
    assert row.locator("strong").inner_text() == "Turn left onto 三巷"
    page.get_by_text("中文 + English").click()
    assert row.locator("strong").inner_text().split("\n") == ["左转，进入三巷", "Turn left onto 三巷"]


def test_nothing_sticks_out_of_the_paper(opened):
    """The widest thing on the sheet is the sheet."""
    for language in ("zh", "en", "both"):
        page = opened(sheet_of(3, language))
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 703, "height": 1000})  # 186 mm
        assert page.evaluate("document.documentElement.scrollWidth") <= 704


def test_labels_of_the_head_do_not_overlap(opened):
    for language in ("zh", "en", "both"):
        page = opened(sheet_of(1, language))
        boxes = [box.bounding_box() for box in page.locator(".figures > div, .code, .title").all()]
        for place, one in enumerate(boxes):
            for two in boxes[place + 1 :]:
                apart = (
                    one["x"] + one["width"] <= two["x"] + 1
                    or two["x"] + two["width"] <= one["x"] + 1
                    or one["y"] + one["height"] <= two["y"] + 1
                    or two["y"] + two["height"] <= one["y"] + 1
                )
                assert apart, (language, one, two)
