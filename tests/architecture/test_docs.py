"""Documentation is true: tables come from the code, files and commands it names exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from typer.main import get_command

from api.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])


def _make_tables():
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "docs" / "make_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["administrator.md", "gis.md"])
def test_generated_tables_are_up_to_date(page):
    tables = _make_tables()
    name, make = tables.GENERATED[page]
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert f"<!-- {name} -->" in text
    assert tables.with_tables(text, name, make()) == text, "run: python docs/make_tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page):
    commands = get_command(app).commands
    for name, rest in re.findall(r"\byiwang ([a-z]+)((?: +[^\s`]+)*)", page.read_text("utf-8")):
        assert name in commands, f"{page.name}: yiwang {name}"
        known = {option for parameter in commands[name].params for option in parameter.opts + parameter.secondary_opts}
        for option in re.findall(r"(?<!\S)(--[a-z0-9-]+)", rest):
            assert option in known, f"{page.name}: yiwang {name} {option}"


def test_environment_variables_in_the_docs_are_known():
    settings = (ROOT / "docs" / "administrator.md").read_text("utf-8")
    sources = "".join(
        path.read_text("utf-8")
        for folder in ("geo", "maps", "api", "tests", "benchmarks", "docs")
        for path in (ROOT / folder).rglob("*.py")
    ) + (ROOT / "run.py").read_text("utf-8")
    for page in PAGES:
        for name in set(re.findall(r"\bYIWANG_[A-Z_]+[A-Z]\b", page.read_text("utf-8"))):
            assert f"`{name}`" in settings or name in sources, f"{page.name}: {name}"
