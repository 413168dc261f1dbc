"""Read what is shown: a whole project, or one layer of it."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd

from geo.errors import MissingLayerError
from geo.model.frames import SCHEMAS
from geo.model.view import ProjectView
from geo.storage.store import Store
from geo.storage.transaction import Transaction

_PATROL_TABLES = ("plan", "route", "leg", "visit")


def read_view(store: Store, plan_id: str | None = None) -> ProjectView:
    """Return everything that the pages of a project show.

    Parameters
    ----------
    store
        Of the project.
    plan_id
        Patrol plan to show; None takes the newest.

    Raises
    ------
    ProjectNotFoundError
        There is no project.
    MissingLayerError
        There is no such plan.
    """
    with store.begin() as transaction:
        frames = {table: transaction.read(table) for table in SCHEMAS if table not in _PATROL_TABLES}
        frames |= read_plan_of(transaction, plan_id)
        reports: dict[str, list[dict[str, Any]]] = {}
        for report in transaction.reports():
            reports.setdefault(report["step"], []).append(report)
        return ProjectView(transaction.project, frames, reports)


def read_plan_of(transaction: Transaction, plan_id: str | None) -> dict[str, pd.DataFrame]:
    """Return the frames plan, route, leg and visit of one patrol plan; None takes the newest.

    Raises
    ------
    MissingLayerError
        There is no such plan.
    """
    plans = transaction.read("plan", order_by=("created_at",))
    if plan_id is not None and plan_id not in set(plans["plan_id"]):
        raise MissingLayerError("There is no patrol plan '{plan}'.", plan=plan_id)
    chosen = plan_id or (plans["plan_id"].iloc[-1] if len(plans) else "")
    frames = {table: transaction.read(table, where={"plan_id": chosen}) for table in _PATROL_TABLES}
    frames["leg"] = frames["leg"].sort_values(["route_no", "leg_no"], ignore_index=True)
    frames["visit"] = frames["visit"].sort_values(["route_no", "sequence", "code"], ignore_index=True)
    return frames


def count_rows(store: Store) -> dict[str, int]:
    """Return the number of rows of every table of a project."""
    with store.begin() as transaction:
        return {table: transaction.count(table) for table in SCHEMAS}


def read_layer(
    store: Store,
    table: str,
    bbox: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
    offset: int = 0,
    where: dict[str, Any] | None = None,
) -> gpd.GeoDataFrame | pd.DataFrame:
    """Return rows of one table in the project's CRS.

    Parameters
    ----------
    store
        Of the project.
    table
        Key of :data:`geo.model.frames.SCHEMAS`.
    bbox
        minx, miny, maxx, maxy in the project's CRS; only what touches it.
    limit, offset
        Page of rows.
    where
        Column → value or list of values.

    Raises
    ------
    ParameterError
        There is no such table or column.
    """
    with store.begin() as transaction:
        return transaction.read(table, bbox=bbox, limit=limit, offset=offset, where=where)
