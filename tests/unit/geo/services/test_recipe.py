"""Recipes: what is read, and what is refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geo.algorithms.zoning.unify import UnifyParams
from geo.errors import InputError, ParameterError
from geo.services.plan_patrols import PatrolParams, VisitRule
from geo.services.recipe import read_params, read_recipe

SAMPLE = Path(__file__).resolve().parents[4] / "sample_shapefiles"


def recipe(folder: Path, text: str) -> Path:
    path = folder / "镇.toml"
    path.write_text(text, "utf-8")
    return path


def test_recipe_of_the_sample() -> None:
    read = read_recipe(SAMPLE / "recipe.toml")
    assert read.name == "青泠街道"
    assert all(path.exists() for path, _ in read.imports)
    assert {params.project_name for _, params in read.imports} == {"青泠街道"}
    assert read.plan is not None
    assert read.plan.visit_rules[0] == VisitRule("school", 600, ((27000, 30000), (41400, 43200)))


def test_missing_tables_leave_steps_out(tmp_path: Path) -> None:
    read = read_recipe(recipe(tmp_path, "[unify]\n"))
    assert (read.name, read.imports) == ("镇", ())
    assert read.unify == UnifyParams()
    assert (read.network, read.risk, read.plan) == (None, None, None)


def test_files_lie_beside_the_recipe_or_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[[import]]\nfile = "a.shp"\nkind = "street"\n[[import]]\nfile = "${YIWANG_TOWN}/b.shp"\nkind = "street"\n'
    path = recipe(tmp_path, text)
    with pytest.raises(InputError, match="environment variable YIWANG_TOWN"):
        read_recipe(path)
    monkeypatch.setenv("YIWANG_TOWN", str(tmp_path / "elsewhere"))
    assert [file for file, _ in read_recipe(path).imports] == [tmp_path / "a.shp", tmp_path / "elsewhere" / "b.shp"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[[import]", "cannot be read"),
        ("[unify]\ncolour = 1", "'colour' is not a parameter of UnifyParams"),
        ("[colour]", "unknown key 'colour'"),
        ("[unify]\nslivers = { min_width_m = -1.0 }", "must not be negative"),
        ('[[import]]\nfile = "a.shp"\nkind = "castle"', "not a kind of layer"),
        ('[plan]\nvisit_rules = [{ kind = "castle" }]', "not a kind of facility"),
        ("[plan]\nsolve = { iterations = 0 }", "must"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        read_recipe(recipe(tmp_path, text))


def test_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (PatrolParams, {"required_classes": ["primary"]}, PatrolParams(required_classes=("primary",))),
        (PatrolParams, {"area": ["police", "JW1"]}, PatrolParams(area=("police", "JW1"))),
        (VisitRule, {"kind": "school", "windows": [[1, 2]]}, VisitRule("school", windows=((1, 2),))),
    ],
)
def test_lists_become_tuples(kind: Any, values: dict[str, Any], expected: Any) -> None:
    assert read_params(kind, values) == expected


def test_unknown_parameter() -> None:
    with pytest.raises(ParameterError, match="Known are"):
        read_params(UnifyParams, {"x": 1})
