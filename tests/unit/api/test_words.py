"""Every text of the service and the console has its Chinese, and values are those of the core."""

import ast
import re
import string
from pathlib import Path

import pytest

import api
from api.console import console_context, console_words
from geo.algorithms.zoning.codes import scheme_keys
from geo.model.text import read_catalogue

ROOT = Path(api.__file__).parent
TABLES = {"STEP_TITLES", "_FIELD_MESSAGES", "_SCHEMES", "_SPEED_TITLES"}
TEXTS = {"UNEXPECTED", "_OTHER_FIELD_MESSAGE"}
WORD_TABLES = re.compile(
    r"const (?:stateWords|severityWords|checkWords|stepTitles|titles|head) = [\[{](.*?)[\]}];", re.DOTALL
)


def python_messages(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name == "phrase" or (name.endswith("Error") and hasattr(__import__("api.errors").errors, name)):
                yield node.args[0].value
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id in TABLES:
                yield from (value.value for value in node.value.values)
            if isinstance(target, ast.Name) and target.id in TEXTS:
                yield node.value.value


def script_messages(text):
    yield from re.findall(r'\b(?:t|pair|section|wrap)\("((?:[^"\\]|\\.)*)"', text)
    for table in WORD_TABLES.findall(text):
        yield from re.findall(r':\s*"([^"]+)"', table) or re.findall(r'"([^"]+)"', table)


def all_messages():
    found = set()
    for path in ROOT.rglob("*.py"):
        if path.name not in ("cli.py", "demo.py") and "cli" not in path.parts:
            found.update(python_messages(path))
    for path in (ROOT / "templates").glob("*.html"):
        found.update(re.findall(r'\bt\("((?:[^"\\]|\\.)*)"', path.read_text()))
    for path in (ROOT / "static").glob("*.js"):
        found.update(script_messages(path.read_text()))
    return sorted(message for message in found if message.strip(", "))


def fields_of(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("message", all_messages())
def test_message_has_its_chinese(message):
    assert message in read_catalogue("api")


@pytest.mark.parametrize(("message", "chinese"), sorted(read_catalogue("api").items()))
def test_translation_keeps_the_fields(message, chinese):
    assert fields_of(message) == fields_of(chinese)
    assert chinese.strip() == chinese


def test_known_schemes_are_those_of_the_core():
    assert tuple(key for key, _ in console_context()["schemes"]) == scheme_keys()


def test_every_mode_has_a_title_for_its_speed():
    context = console_context()
    assert set(context["speed_titles"]) == set(context["defaults"]["plan"]["patrol_speed_mps"])


def test_words_cannot_leave_their_script_element():
    assert "<" not in console_words()


def test_every_static_file_is_small():
    sizes = {path.name: len(path.read_text().splitlines()) for path in (ROOT / "static").iterdir()}
    assert {name: size for name, size in sizes.items() if size > 400} == {}
