"""How long steps tell what they are doing, and how they are stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from geo.errors import CancelledError

Progress = Callable[[str, float], None]
"""``progress(message, fraction)``: an English message id and the share done, 0–1. It raises
:class:`geo.errors.CancelledError` when the user has asked to stop; algorithms let that pass through."""


def ignore_progress(message: str, fraction: float) -> None:
    """Take progress and do nothing with it."""


def tell_stored(progress: Progress, message: str) -> None:
    """Tell that a step is done and stored; a wish to stop comes too late for it."""
    with suppress(CancelledError):
        progress(message, 1.0)


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress whose 0–1 is the span ``start``–``end`` of another one."""

    def scaled(message: str, fraction: float) -> None:
        progress(message, start + (end - start) * min(max(fraction, 0.0), 1.0))

    return scaled
