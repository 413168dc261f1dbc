"""Kernels where numba finds no folder for its cache."""

from __future__ import annotations

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
