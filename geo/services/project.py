"""Open a project, and tell how far it is: what it holds, which steps are out of date and which are possible."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from geo.model.frames import FACILITY_KINDS, SCHEMAS
from geo.storage.store import Store, open_store
from geo.storage.transaction import Transaction

__all__ = ["STEPS", "Store", "change_stamp", "open_project", "project_status", "read_reports"]

STEPS = ("import", "unify", "network", "risk", "plan")
"""The steps in the order of the work; the names are those of the reports."""

_NEEDED_LAYERS: Mapping[str, tuple[str, ...]] = {
    "import": (),
    "unify": ("zoning",),
    "network": ("street",),
    "risk": ("incident", "unified_cell"),
    "plan": ("network_edge", "team"),
}
"""Step → tables that must hold rows."""

_USED_IMPORTS: Mapping[str, tuple[str, ...]] = {
    "unify": ("zoning", "community", "facility", "street", "incident", "building"),
    "network": ("street",),
    "risk": ("incident",),
    "plan": ("team", "facility"),
}
"""Step → kinds of import whose rows it reads."""

_USED_STEPS: Mapping[str, tuple[str, ...]] = {"network": ("unify",), "risk": ("unify", "edit"), "plan": ("network",)}
"""Step → steps whose result it reads. A plan reads the risk only when it asks for it."""


def open_project(url: str) -> Store:
    """Return the store at an address; see :func:`geo.storage.store.open_store`.

    Raises
    ------
    ParameterError
        The address is of no known kind.
    """
    return open_store(url)


def project_status(store: Store) -> dict[str, Any]:
    """Return what a project holds and which steps are done, out of date or possible, as a JSON object.

    Returns
    -------
    dict
        ``exists``; ``project`` (name, epsg, time_zone, code_prefix, backend); ``counts``: table → rows; ``zonings``;
        ``teams``: names with kind, mode and shift; ``facility_kinds``: kind → number;
        ``steps``: step → ``state`` (``missing``, ``done`` or ``stale``), ``possible``, ``needs`` (tables without rows that
        it needs), ``reasons`` (why it is out of date: ``{"code": "newer_import", "layer": …}`` or
        ``{"code": "newer_step", "step": …}``), ``at`` and ``report`` (the newest).

    Raises
    ------
    StorageError
        The store cannot be read.
    """
    if not store.exists():
        steps = {step: _step_status(step, {}, [], {}) for step in STEPS}
        nothing: dict[str, Any] = {"exists": False, "project": None, "counts": {}, "zonings": [], "teams": []}
        return nothing | {"facility_kinds": {}, "steps": steps}
    with store.begin() as transaction:
        project = transaction.project
        counts = {table: transaction.count(table) for table in SCHEMAS}
        zonings = transaction.read("zoning").to_dict("records")
        teams = transaction.read("team").drop(columns="geometry").to_dict("records")
        kinds = {kind: transaction.count("facility", where={"kind": kind}) for kind in FACILITY_KINDS}
        reports = transaction.reports()
        plan_params = _newest_plan_params(transaction) if counts["plan"] else {}
    return {
        "exists": True,
        "project": {
            "name": project.name,
            "epsg": project.epsg,
            "time_zone": project.time_zone,
            "code_prefix": project.code_prefix,
            "backend": store.backend,
        },
        "counts": counts,
        "zonings": zonings,
        "teams": teams,
        "facility_kinds": {kind: count for kind, count in kinds.items() if count},
        "steps": {step: _step_status(step, counts, reports, plan_params) for step in STEPS},
    }


def _newest_plan_params(transaction: Transaction) -> dict[str, Any]:
    plans = transaction.read("plan", order_by=("created_at",))
    found: dict[str, Any] = json.loads(plans["params"].iloc[-1])
    return found


def _step_status(
    step: str, counts: Mapping[str, int], reports: Sequence[dict[str, Any]], plan_params: Mapping[str, Any]
) -> dict[str, Any]:
    needs = [table for table in _NEEDED_LAYERS[step] if not counts.get(table)]
    own = [place for place, report in enumerate(reports) if report["step"] == step]
    status: dict[str, Any] = {"state": "missing", "possible": not needs, "needs": needs, "reasons": []}
    status |= {"at": None, "report": None}
    if not own:
        return status
    later = reports[own[-1] + 1 :]
    reasons = _reasons(step, later, plan_params)
    newest = reports[own[-1]]
    status |= {
        "state": "stale" if reasons else "done",
        "reasons": reasons,
        "at": newest["created_at"],
        "report": newest,
    }
    return status


def _reasons(step: str, later: Sequence[dict[str, Any]], plan_params: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return why a step is out of date, given the reports that are newer than its own."""
    imported = {report["kind"] for report in later if report["step"] == "import"}
    run = {report["step"] for report in later}
    steps = _USED_STEPS.get(step, ())
    if step == "plan" and plan_params.get("risk_share"):
        steps = (*steps, "risk")
    return [
        *({"code": "newer_import", "layer": kind} for kind in _USED_IMPORTS.get(step, ()) if kind in imported),
        *({"code": "newer_step", "step": other} for other in steps if other in run),
    ]


def read_reports(store: Store, step: str) -> list[dict[str, Any]]:
    """Return what a step reported each time it ran, oldest first; see :data:`STEPS`.

    Raises
    ------
    ProjectNotFoundError
        There is no project.
    StorageError
        The store cannot be read.
    """
    with store.begin() as transaction:
        return list(transaction.reports(step))


def change_stamp(store: Store) -> str:
    """Return a text that differs whenever the project has changed; for caches.

    Raises
    ------
    ProjectNotFoundError
        There is no project.
    StorageError
        The store cannot be read.
    """
    with store.begin() as transaction:
        state = [transaction.project, *(transaction.count(table) for table in SCHEMAS)]
        state += [(report["step"], str(report["created_at"])) for report in transaction.reports()]
    return hashlib.sha256(repr(state).encode()).hexdigest()[:24]
