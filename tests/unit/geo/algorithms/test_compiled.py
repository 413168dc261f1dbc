"""Kernels where numba finds no folder for its cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from geo.algorithms import compiled


def test_without_a_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def njit(**options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiled.numba, "njit", njit)
    assert compiled.kernel(abs) is abs
    assert [options.get("cache", False) for options in asked] == [True, False]


def test_the_cache_belongs_to_the_present_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another content, another folder; that of the former content goes."""
    (tmp_path / "one.py").write_text("@kernel")
    monkeypatch.setattr(compiled, "_HERE", tmp_path)
    first = Path(compiled._cache_folder.__wrapped__())
    assert first == Path(compiled._cache_folder.__wrapped__())
    (tmp_path / "one.py").write_text("@kernel  # changed")
    second = Path(compiled._cache_folder.__wrapped__())
    assert (first.exists(), second.exists()) == (False, True)
    assert second != first


def test_no_folder_for_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("a file in the way")
    monkeypatch.setattr(compiled, "_HERE", tmp_path)
    assert compiled._cache_folder.__wrapped__() == ""
