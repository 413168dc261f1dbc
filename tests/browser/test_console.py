"""The console in a real browser: a planner's way from files to a plan."""

import re
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "api"))
from serving import PARTS, SAMPLES, build_town, serving

SIZES = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory):
    """A server without a project."""
    with serving(str(tmp_path_factory.mktemp("empty") / "new.gpkg"), max_upload_mb=1) as served:
        yield served


@pytest.fixture(scope="module")
def town_server(tmp_path_factory):
    """A server with a town that is ready to be planned."""
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    build_town(path)
    with serving(str(path)) as served:
        yield served


@pytest.fixture
def open_console(browser):
    """Return a function that opens an address and keeps what it asked for and complained about."""
    contexts = []

    def opened(served, path="/", size="desktop", ready="body[data-ready]"):
        context = browser.new_context(**SIZES[size], accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(served.base + path)
        page.wait_for_selector(ready, timeout=20_000)
        return page

    yield opened
    for context in contexts:
        context.close()


def assert_closed_and_quiet(page, served):
    assert [url for url in page.requests if not url.startswith((served.base, "data:", "blob:"))] == []
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def sample_files(*names):
    return [str(path) for name in names for part in PARTS if (path := SAMPLES / f"{name}{part}").exists()]


def test_planner_imports_a_town_and_unifies_it(open_console, empty_server):
    page = open_console(empty_server)
    expect(page.locator("[data-project-name]")).to_have_text(re.compile("尚无项目"))
    expect(page.locator("[data-run=unify]")).to_be_disabled()
    names = ("社区", "综治网格", "党建网格", "水系")
    page.set_input_files("[data-files]", [*sample_files(*names), str(SAMPLES / "README.md")])
    expect(page.locator(".layer")).to_have_count(4)
    assert page.locator(".layer .layer-name b").all_inner_texts()[0] == "社区.shp"
    expect(page.locator("[data-layers] > .note-line")).to_contain_text("README.md")
    expect(page.locator("[data-import-left]")).to_contain_text("1")
    zoning = page.locator(".layer", has_text="综治网格")
    assert zoning.locator("[data-of=zoning_id]").input_value() == "governance"
    page.fill("[data-project-name-input]", "青泠街道")
    page.click("[data-import-all]")
    expect(page.locator(".layer.done")).to_have_count(3, timeout=60_000)
    expect(page.locator("[data-project-name]")).to_have_text("青泠街道")
    expect(page.locator("[data-result-of=import] .reports > li")).to_have_count(3)
    page.locator("[data-result-of=import] details").first.locator("summary").click()
    expect(page.locator("[data-result-of=import]")).to_contain_text("gb18030")

    page.click("[data-state-of=import] .next")
    expect(page.locator("#step-unify h1")).to_be_focused()
    page.fill("[data-path='slivers.min_width_m']", "10")
    page.click("[data-run=unify]")
    expect(page.locator("[data-result-of=unify] .checks .passed").first).to_be_visible(timeout=60_000)
    checks = empty_server.get("/api/project").json()["steps"]["unify"]["report"]["checks"]
    expect(page.locator("[data-result-of=unify] .checks .passed")).to_have_count(len(checks))
    expect(page.locator("[data-step=unify]")).to_have_attribute("data-state", "done")
    expect(page.locator("[data-result-of=unify] [data-map-link=unified]")).to_be_visible()
    assert_closed_and_quiet(page, empty_server)

    page.click("[data-result-of=unify] [data-map-link=unified]")
    page.wait_for_selector("body[data-ready]", timeout=20_000)
    page.click("[data-console]")
    page.wait_for_selector("body.page-console[data-ready]")
    assert_closed_and_quiet(page, empty_server)


def test_form_of_unifying_sends_what_the_policy_needs(open_console, tmp_path):
    path = tmp_path / "town.gpkg"
    build_town(path)
    with serving(str(path)) as served:
        page = open_console(served, "/#unify")
        sent = []
        page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "POST" else None)
        expect(page.locator("[data-for-policy=optimised]")).to_be_hidden()
        expect(page.locator("[data-last-tolerance]")).to_have_text(
            re.compile(r"上次：[\d.]+ m（自动建议）"), use_inner_text=True
        )
        result = page.locator("[data-result-of=unify]")
        page.check("[data-path=policy][value=reference]")
        page.click("[data-run=unify]")
        assert sent == [], "no zoning leads yet"
        page.select_option("[data-leading]", "governance")
        page.fill("[data-form=unify] [data-path=tolerance_m]", "0.5")
        page.click("[data-run=unify]")
        expect(result).to_contain_text("一套主导：综治网格", timeout=60_000, use_inner_text=True)
        expect(result).to_contain_text("相距 0.5 m 以内", use_inner_text=True)
        expect(result).to_contain_text("停用", use_inner_text=True)
        assert (sent[0]["policy"], sent[0]["reference"], sent[0]["tolerance_m"]) == ("reference", "governance", 0.5)
        assert "optimise" not in sent[0]

        page.check("[data-path=policy][value=optimised]")
        page.select_option("[data-measure]", "households")
        expect(page.locator("[data-path='optimise.lower']")).to_have_value("300")
        page.select_option("[data-measure]", "area")
        page.fill("[data-path='optimise.lower']", "20000")
        page.fill("[data-path='optimise.upper']", "60000")
        page.fill("[data-form=unify] [data-path=tolerance_m]", "")
        page.select_option("[data-leading]", "")
        page.click("[data-run=unify]")
        expect(result).to_contain_text("均衡优化：20,000 至 60,000 m²", timeout=60_000, use_inner_text=True)
        assert sent[1]["optimise"] == {"measure": "area", "lower": 20000, "upper": 60000, "border_weight": 0.8}
        assert {"tolerance_m", "reference"}.isdisjoint(sent[1])
        assert_closed_and_quiet(page, served)

        again = open_console(served, "/#unify", "phone")
        expect(again.locator("[data-path=policy]:checked")).to_have_value("optimised")
        expect(again.locator("[data-path='optimise.upper']")).to_have_value("60000")
        expect(again.locator("[data-form=unify] [data-path=tolerance_m]")).to_have_value("")
        assert_closed_and_quiet(again, served)
        again.click("[data-result-of=unify] [data-map-link=health]")
        again.wait_for_selector("body[data-ready]")
        assert_closed_and_quiet(again, served)

        page = open_console(served, "/maps/unified.html")
        with page.expect_download() as download:
            page.click("[data-workbook]")
        assert Path(download.value.path()).read_bytes().startswith(b"PK")
        assert download.value.suggested_filename.endswith(".xlsx")
        assert_closed_and_quiet(page, served)


def test_what_cannot_be_imported_is_told(open_console, empty_server, tmp_path):
    big, broken = tmp_path / "社区大.geojson", tmp_path / "社区坏.geojson"
    big.write_bytes(b"x" * 1_100_000)
    broken.write_text("no")
    page = open_console(empty_server, "/#import")
    page.set_input_files("[data-files]", [str(big), str(broken)])
    page.click("[data-import-all]")
    expect(page.locator(".layer", has_text="大").locator(".problem")).to_contain_text("1 MB")
    layer = page.locator(".layer", has_text="坏")
    expect(layer.locator(".problem")).to_contain_text("坏.geojson", timeout=30_000)
    layer.get_by_role("button", name="修改选项后重试").click()
    expect(layer.locator("[data-of=kind]")).to_have_value("community")
    expect(page.locator(".job.failed .job-error").first).to_be_visible()
    assert_closed_and_quiet(page, empty_server)


def test_plan_is_followed_stopped_and_downloaded(open_console, town_server):
    page = open_console(town_server, "/#plan")
    page.check("[data-list=required_classes] input[value=secondary]")
    school = page.locator("[data-visit=school]")
    school.get_by_role("checkbox").check()
    school.locator("[data-windows]").fill("7:30")
    page.fill("[data-path='solve.seconds']", "120")
    page.click("[data-run=plan]")
    expect(page.locator("[data-job-of=plan] .problem")).to_contain_text("7:30")
    expect(school.locator("[data-windows]")).to_be_focused()
    school.locator("[data-windows]").fill("07:30-11:30")
    page.click("[data-run=plan]")
    expect(page.locator("[data-job-of=plan] .progress-words")).to_contain_text("%", timeout=30_000)
    expect(page.locator("[data-step=plan]")).to_have_attribute("data-state", "running")
    expect(page.locator("[data-job-of=plan]")).to_contain_text("优化", timeout=30_000)
    page.locator("[data-job-of=plan] [data-cancel]").click()
    result = page.locator("[data-result-of=plan]")
    expect(result.locator(".figure")).to_have_count(6, timeout=60_000)
    expect(result).to_contain_text("提前停止")
    with page.expect_download() as download:
        result.get_by_role("link", name="GPX").first.click()
    assert "<gpx" in Path(download.value.path()).read_text()
    expect(result).to_contain_text("学校 · 12 分钟 · 07:30-11:30", use_inner_text=True)
    assert_closed_and_quiet(page, town_server)

    again = open_console(town_server, "/#plan")
    expect(again.locator("[data-list=required_classes] input:checked")).to_have_value("secondary")
    expect(again.locator("[data-visit] [type=checkbox]:checked")).to_have_count(1)
    expect(again.locator("[data-visit=school] [data-windows]")).to_have_value("07:30-11:30")
    expect(again.locator("[data-path='solve.seconds']")).to_have_value("120")
    page = open_console(town_server, "/maps/routes.html")
    with page.expect_download() as download:
        page.locator("[data-route] summary").first.click()
        page.locator("[data-route] a[download]").first.click()
    assert "<gpx" in Path(download.value.path()).read_text()
    assert_closed_and_quiet(page, town_server)


def test_language_is_switched_and_kept(open_console, town_server):
    page = open_console(town_server, "/#network")
    assert page.locator("#step-network h1").inner_text().endswith("构建路网")
    page.click("[data-set-lang=en]")
    assert page.locator("#step-network h1").inner_text().endswith("Build the street network")
    chinese = re.findall("[一-鿿]+", page.locator("#step-network").inner_text())
    assert chinese == []
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#step-network h1").inner_text().endswith("Build the street network")
    assert page.title() == "One grid · Console"
    page.click("[data-set-lang=zh]")
    assert page.locator("[data-step=unify] b").inner_text() == "统一"
    assert_closed_and_quiet(page, town_server)


@pytest.mark.parametrize("step", ["import", "unify", "network", "risk", "plan"])
def test_every_step_fits_a_phone(open_console, town_server, step):
    page = open_console(town_server, f"/#{step}", "phone")
    expect(page.locator(f"#step-{step}")).to_be_visible()
    expect(page.locator(f"[data-step={step}]")).to_be_in_viewport()
    if step not in ("import", "plan"):
        expect(page.locator(f"#step-{step} [data-run]")).to_be_visible()
    if step == "risk":
        expect(page.locator("#step-risk .note-line.warn")).to_contain_text("事件")
    assert_closed_and_quiet(page, town_server)


def test_keyboard_reaches_the_files_and_the_steps(open_console, town_server):
    page = open_console(town_server, "/#import")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.locator("[data-step=unify]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#step-unify h1")).to_be_focused()
    page.locator("[data-step=import]").focus()
    page.keyboard.press("Enter")
    page.locator("[data-files]").focus()
    expect(page.locator("[data-files]")).to_be_focused()
    assert_closed_and_quiet(page, town_server)


def test_documentation_of_the_interface_is_drawn_without_internet(open_console, town_server):
    page = open_console(town_server, "/docs", ready=".opblock")
    expect(page.locator(".opblock")).not_to_have_count(0)
    page.locator(".opblock-summary", has_text="/api/jobs/unify").first.click()
    expect(page.locator(".opblock.is-open .execute, .opblock.is-open .try-out")).to_be_visible()
    assert_closed_and_quiet(page, town_server)


@pytest.mark.parametrize("name", ["index", "unified", "health", "risk", "routes"])
def test_served_map_pages_run_under_their_policy(open_console, town_server, name):
    page = open_console(town_server, f"/maps/{name}.html", "phone")
    assert (
        "unsafe-inline"
        not in town_server.get(f"/maps/{name}.html").headers["content-security-policy"].split("style-src")[0]
    )
    assert_closed_and_quiet(page, town_server)


def test_columns_are_proposed_corrected_and_kept(open_console, tmp_path):
    with serving(str(tmp_path / "new.gpkg")) as served:
        page = open_console(served)
        page.set_input_files("[data-files]", sample_files("综治网格"))
        layer = page.locator(".layer")
        layer.locator("summary").first.click()
        layer.locator("[data-look]").click()
        name, code = layer.locator("select[data-column=name]"), layer.locator("select[data-column=code]")
        found = name.locator("option").first.inner_text()
        assert code.locator("option").first.inner_text() != found
        code.select_option(found)
        name.select_option(label="留空")
        layer.locator("[data-of=save_profile]").fill("综治办")
        layer.locator("button[type=submit]").click()
        expect(page.locator(".layer.done")).to_have_count(1, timeout=60_000)
        report = served.get("/api/reports/import").json()[0]
        assert report["columns"]["code"] == found
        assert "name" not in report["columns"]
        profiles = served.get("/api/profiles").json()
        assert [(profile["name"], profile["columns"]["name"]) for profile in profiles] == [("综治办", "")]
        expect(page.locator("#profiles option")).to_have_count(1)
        assert_closed_and_quiet(page, served)
