"""Every error class has a status, and no problem tells folders."""

from pathlib import Path

import pytest

from api import errors as web
from geo import errors
from geo.errors import YiwangError


def subclasses(cls):
    return {cls} | {found for child in cls.__subclasses__() for found in subclasses(child)}


@pytest.mark.parametrize("cls", sorted(subclasses(YiwangError), key=lambda cls: cls.__name__))
def test_every_class_has_a_status(cls):
    assert 400 <= web.status_of(cls("Text.")) < 600


def test_codes_are_unique():
    classes = [cls for cls in subclasses(YiwangError) if cls.__module__ in ("geo.errors", "api.errors")]
    assert len({cls.code for cls in classes}) == len(classes)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/srv/secret/town.gpkg", "town.gpkg"),
        (r"C:\Users\me\town.gpkg", "town.gpkg"),
        ("postgresql://u:pw@host/db", "postgresql://…"),
        (Path("/srv/a b/c.shp"), "c.shp"),
        (f"{Path.cwd()}/x.shp: broken", "x.shp: broken"),
        ("社区.shp", "社区.shp"),
        (3, 3),
        (None, None),
        (("/a/b", 1.5), ["b", 1.5]),
        ({"k": "/a/b"}, {"k": "b"}),
    ],
)
def test_folders_are_left_out(value, shown):
    problem = web.problem_of(errors.StorageError("{place} cannot be opened.", place=value))
    assert problem["context"]["place"] == shown
    assert "secret" not in problem["detail"]
    assert "pw" not in str(problem)


def test_core_errors_are_told_in_chinese():
    error = errors.MissingLayerError("No zoning was imported. Import at least one zoning, then unify.")
    problem = web.problem_of(error)
    assert (problem["status"], problem["code"]) == (404, "missing_layer")
    assert "导入" in problem["detail_zh"]


def test_several_field_errors_are_listed():
    found = [
        {"type": "missing", "loc": ("body", "kind"), "msg": "Field required"},
        {"type": "strange", "loc": ("query", "a", 0), "msg": "It is strange"},
    ]
    problem = web.problem_of(web.invalid_request(found))
    assert problem["detail"] == "'kind' is missing."
    assert [item["field"] for item in problem["context"]["errors"]] == ["kind", "a.0"]
    assert "It is strange" in problem["context"]["errors"][1]["detail"]
