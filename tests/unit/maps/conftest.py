"""The made-up town, the same town with hostile names, and a project without rows."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from geo.model.view import ProjectView


def load_town_module() -> ModuleType:
    """Import ``tests/town_view.py`` by its path: ``tests`` is not a package."""
    path = Path(__file__).resolve().parents[2] / "town_view.py"
    spec = importlib.util.spec_from_file_location("town_view", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def town_module() -> ModuleType:
    return load_town_module()


@pytest.fixture(scope="session")
def town(town_module: ModuleType) -> ProjectView:
    return town_module.town_view()


@pytest.fixture(scope="session")
def hostile_town(town_module: ModuleType) -> ProjectView:
    return town_module.town_view(hostile=True)


@pytest.fixture(scope="session")
def empty_project(town_module: ModuleType) -> ProjectView:
    return town_module.empty_view()


@pytest.fixture(scope="session")
def healthy_town(town_module: ModuleType) -> ProjectView:
    return town_module.healthy_view()
