"""The shape of the project: imports are light, every message is translated, nothing reaches outside."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from geo.model.text import read_catalogue

sys.path.insert(0, str(Path(__file__).parent.parent))  # pytest's importlib mode adds no folder of the tests
from messages import find_messages

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("geo", "maps", "api")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@cache
def tracked_texts() -> dict[str, str]:
    """Return the files that are or will be committed; pictures and other binary files left out."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    assert listed.returncode == 0, listed.stderr
    texts = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or b"\0" in path.read_bytes()[:8000]:
            continue
        try:
            texts[name] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # the GBK files of the sample
    return texts


class TestImports:
    @pytest.mark.parametrize(
        ("module", "heavy"),
        [
            ("api.cli", ("pandas", "shapely", "geopandas", "sqlalchemy", "fastapi", "pyvrp", "scipy", "numpy")),
            ("geo.errors", ("pandas", "shapely", "babel")),
            ("geo.model.text", ("pandas", "shapely", "babel")),
            ("geo.model.frames", ("pandera",)),
            ("api.settings", ("geopandas", "sqlalchemy", "pyvrp")),
        ],
    )
    def test_importing_is_light(self, module: str, heavy: tuple[str, ...]) -> None:
        code = f"import sys, {module}; print(*sorted(set(sys.modules) & set({heavy!r})))"
        result = run(sys.executable, "-c", code)
        assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr

    @pytest.mark.parametrize("package", ["geo.services.recipe", "api.app", "maps"])
    def test_importing_does_no_work(self, package: str, tmp_path: Path) -> None:
        """No file is written, no connection is opened."""
        code = f"""
import sys
def watch(event, arguments):
    opened = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if opened and "__pycache__" not in str(arguments[0]) or event in ("socket.connect", "sqlite3.connect"):
        print(event, arguments[0])
sys.addaudithook(watch)
import {package}
"""
        environment = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
        )
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        assert list(tmp_path.iterdir()) == []


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


class TestMessages:
    @pytest.mark.parametrize("package", PACKAGES)
    def test_every_message_has_a_chinese_text(self, package: str) -> None:
        messages = find_messages(package)
        assert len(messages) >= 5, "the finder finds nothing"
        catalogue = {message for name in PACKAGES for message in read_catalogue(name)}
        assert sorted(messages - catalogue) == []

    @pytest.mark.parametrize("package", PACKAGES)
    def test_translations_have_the_same_fields(self, package: str) -> None:
        catalogue = read_catalogue(package)
        assert catalogue
        wrong = {message: text for message, text in catalogue.items() if fields(message) != fields(text)}
        assert wrong == {}

    @pytest.mark.parametrize("package", PACKAGES)
    def test_translations_are_chinese(self, package: str) -> None:
        """A text without a Chinese character was left untranslated; names and units may be the same in both."""
        texts = {message: text for message, text in read_catalogue(package).items() if len(message) > 25}
        assert texts
        assert {message: text for message, text in texts.items() if not re.search(r"[一-鿿]", text)} == {}

    def test_formats_of_numbers_work_in_both_languages(self) -> None:
        for package in PACKAGES:
            for message, text in read_catalogue(package).items():
                for one in (message, text):
                    specs = {spec for _, name, spec, _ in string.Formatter().parse(one) if name and spec}
                    assert all(re.fullmatch(r",?\.?\d*[dfgeG%]?|0\d[dx]?", spec) for spec in specs), one


SETUP = r"(requirements.*\.lock|package(-lock)?\.json|\.npmrc|pyproject\.toml|run\.py|\.ci/run)"
ADDRESS = r"https?://(?!127\.0\.0\.1|localhost)[\w.-]+"


class TestAddresses:
    """No registry, no outside service and no path of this machine is in the files."""

    def hits(self, pattern: str, *, only: str = "") -> list[str]:
        texts = {name: text for name, text in tracked_texts().items() if re.fullmatch(only, name) or not only}
        assert texts
        return [f"{name}: {hit.group()}" for name, text in texts.items() if (hit := re.search(pattern, text))]

    def test_set_up_names_no_address(self) -> None:
        assert self.hits(ADDRESS, only=SETUP) == []

    def test_locks_say_what_and_not_where_from(self) -> None:
        assert self.hits(r"index-url|find-links|\"resolved\":", only=r"requirements.*\.lock|package-lock\.json") == []

    def test_no_path_of_this_machine(self) -> None:
        folders = [str(folder) for folder in (ROOT, ROOT.parent, Path.home()) if len(folder.parts) > 1]
        assert self.hits("|".join(rf"{re.escape(folder)}/\w" for folder in folders)) == []
        assert self.hits(r"/(?:home|Users)/\w+/\w") == []

    def test_pages_name_no_outside_address(self) -> None:
        """In what browsers get, an address is this machine's, or the name of an XML vocabulary."""
        allowed = r"https?://(?:127\.0\.0\.1|localhost|\$|\{|www\.w3\.org/)"
        for name, text in tracked_texts().items():
            if re.match(r"(api|maps)/(static|templates)/", name):
                assert re.sub(allowed, "", text).count("://") == 0, name

    def test_files_were_read(self) -> None:
        assert len(tracked_texts()) > 150
        assert "requirements.lock" in tracked_texts()


def test_locks_hold_hashes_only() -> None:
    for name in ("requirements.lock", "requirements-test.lock", "requirements-assets.lock"):
        lines = tracked_texts()[name].splitlines()
        assert sum("--hash=sha256:" in line for line in lines) >= sum("==" in line for line in lines) > 0
        assert not any("://" in line for line in lines)
