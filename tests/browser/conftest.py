"""Chromium without network, and a folder of rendered pages."""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from geo.errors import AssetError
from maps import assets_directory, install_assets, render_pages

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
SIZES = {
    "desktop": {"viewport": {"width": 1440, "height": 900}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}


def find_chromium() -> str | None:
    """Return the browser to use: the one named by ``YIWANG_CHROMIUM``, or the first found on the path."""
    named = os.environ.get("YIWANG_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser():
    """Start Chromium; a missing one fails the run unless ``YIWANG_TEST_BROWSER=off``."""
    if os.environ.get("YIWANG_TEST_BROWSER") == "off":
        pytest.skip("YIWANG_TEST_BROWSER=off")
    path = find_chromium()
    if path is None:
        pytest.fail("No Chromium found. Install it, name it in YIWANG_CHROMIUM, or set YIWANG_TEST_BROWSER=off.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Render the made-up town, the same with hostile names, and the empty project; return their folders."""
    path = Path(__file__).resolve().parents[1] / "town_view.py"
    spec = importlib.util.spec_from_file_location("town_view", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        assets_directory()
    except AssetError:
        install_assets()
    root = tmp_path_factory.mktemp("pages")
    views = {"town": module.town_view(), "hostile": module.town_view(hostile=True), "empty": module.empty_view()}
    views["healthy"] = module.healthy_view()
    for name, view in views.items():
        render_pages(view, root / name)
    return {name: root / name for name in views}


@pytest.fixture
def open_page(browser, folders):
    """Return a function that opens a page and keeps what it asked for and complained about."""
    contexts = []

    def opened(name, kind="town", size="desktop", query=""):
        context = browser.new_context(**SIZES[size])
        contexts.append(context)
        page = context.new_page()
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: page.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{(folders[kind] / name).as_uri()}.html{query}")
        page.wait_for_selector("body[data-ready]", timeout=20_000)
        return page

    yield opened
    for context in contexts:
        context.close()
