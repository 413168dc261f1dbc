"""Take the screenshots of the documentation from the pages of a demo folder.

python docs/make_screenshots.py DEMO_DIR [CONSOLE_ADDRESS]
python docs/make_screenshots.py --real DIR     the folder that benchmarks.real_inputs --keep left
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

OUT = Path(__file__).resolve().parent / "screenshots"
PAGES = ("index", "unified", "health", "zonings", "facilities", "network", "routes", "risk")
REAL = {
    "wuhan": ("unified",),
    "changsha": ("unified", "zonings"),
    "new_york": ("unified",),
    "guangzhou": ("zonings", "health"),
    "philadelphia": ("unified", "routes"),
}
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def save(page: Page, name: str) -> None:
    """Write what the page shows as a PNG of at most 256 colours, to keep the repository small."""
    page.wait_for_timeout(1500)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(OUT / f"{name}.png", optimize=True)


def main() -> None:
    """Take the screenshots that the arguments ask for."""
    if sys.argv[1] == "--real":
        take_real(Path(sys.argv[2]).resolve())
    else:
        take_demo()


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium, and close it at the end."""
    chromium = os.environ.get("YIWANG_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        browser.close()


def take_real(folder: Path) -> None:
    """Open some pages of the real inputs."""
    with open_browser() as browser:
        page = browser.new_page(viewport=DESKTOP)  # type: ignore[arg-type]
        for name, pages in REAL.items():
            for shown in pages:
                page.goto((folder / name / "maps" / f"{shown}.html").as_uri())
                save(page, f"real/{name.replace('_', '-')}-{shown}")


def take_demo() -> None:
    """Open every page at both sizes."""
    maps = Path(sys.argv[1]).resolve() / "maps"
    OUT.mkdir(exist_ok=True)
    with open_browser() as browser:
        for suffix, size in (("", DESKTOP), ("-phone", PHONE)):
            page = browser.new_page(viewport=size)  # type: ignore[arg-type]
            for name in PAGES:
                page.goto((maps / f"{name}.html").as_uri())
                save(page, name + suffix)
            if len(sys.argv) > 2:
                page.goto(sys.argv[2])
                save(page, f"console{suffix}")
        take_sheet(browser, next((maps / "routes").glob("02_*.html")))


def take_sheet(browser: Browser, sheet: Path) -> None:
    """Take the first A4 page of a route sheet, as it lies on the screen."""
    page = browser.new_page(viewport={"width": 794, "height": 1123}, device_scale_factor=1.25)
    page.goto(sheet.as_uri())
    page.add_style_tag(content=".tools { display: none !important }")
    save(page, "route-sheet")


if __name__ == "__main__":
    main()
