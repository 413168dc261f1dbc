"""Steps compute between two transactions; what they read must still hold when they write."""

from __future__ import annotations

from geo.errors import StateError
from geo.storage.transaction import Transaction


def inputs_stamp(transaction: Transaction) -> tuple[tuple[str, str], ...]:
    """Return what tells whether a step read something that has been replaced since: every run but those of plans."""
    return tuple((run["step"], str(run["created_at"])) for run in transaction.reports() if run["step"] != "plan")


def require_unchanged(transaction: Transaction, stamp: tuple[tuple[str, str], ...]) -> None:
    """Refuse to write a result whose inputs changed while it was computed.

    Raises
    ------
    StateError
        Another step was stored since the stamp was taken.
    """
    if inputs_stamp(transaction) != stamp:
        raise StateError("Another step changed the project meanwhile, so nothing was written. Run this step again.")
