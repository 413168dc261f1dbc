"""The lifetime of grid codes: which begin and which end when a layer replaces another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.algorithms.zoning.succession import FormerCells, common_ground
from geo.errors import ParameterError
from geo.model.frames import empty_frame, require_frame

_PREDECESSOR_SHARE = 0.05
"""Share of common ground, of either cell, above which the former one is a predecessor; less is accuracy of drawing."""


@dataclass(frozen=True)
class HistoryChange:
    """What an exchange of cells does to the history.

    Attributes
    ----------
    at
        When; the end of the ended codes and the beginning of the opened ones.
    ended
        Codes whose open row is to be closed with ``end_at = at``.
    opened
        ``code_history`` rows to be added.
    """

    at: pd.Timestamp
    ended: tuple[str, ...]
    opened: pd.DataFrame

    def applied_to(self, history: pd.DataFrame) -> pd.DataFrame:
        """Return a ``code_history`` frame with this change; the frame given is not changed."""
        closing = history["code"].isin(self.ended) & history["end_at"].isna()
        closed = history.assign(end_at=history["end_at"].mask(closing, self.at))
        parts = [part for part in (closed, self.opened) if len(part)]
        table = pd.concat(parts, ignore_index=True) if parts else history
        checked: pd.DataFrame = require_frame("code_history", table)
        return checked


def continue_history(former: FormerCells | None, cells: gpd.GeoDataFrame, at: datetime) -> HistoryChange:
    """Return which codes end and which begin when cells take the place of the former ones.

    A former code without a row in the history gets one that begins and ends at ``at``: its beginning is not known, but its
    number must not be given again.

    Parameters
    ----------
    former
        The former cells of the communities that were coded anew, and the history; None when there was no layer.
    cells
        ``unified_cell`` frame with the new codes; the cells of the same communities.
    at
        When they take their place; tz-aware.

    Raises
    ------
    ParameterError
        ``at`` has no time zone.
    """
    if at.tzinfo is None:
        raise ParameterError("The beginning of grid codes must be an instant with a time zone.")
    instant = pd.Timestamp(at).tz_convert("UTC")
    if former is None:
        former = FormerCells(cells.iloc[:0], empty_frame("code_history"))
    codes, former_codes = cells["code"].tolist(), former.cells["code"].tolist()
    is_open = former.history["end_at"].isna().to_numpy(dtype=bool)
    open_codes = set(former.history["code"].to_numpy()[is_open])
    old = former.cells[_absent(former_codes, set(codes))]
    new = cells[_absent(codes, set(former_codes))]
    unknown = cells[_absent(codes, open_codes)]
    unended = old[_absent(old["code"].tolist(), open_codes)]
    parts = []
    if len(unended):
        parts.append(_rows(unended, instant).assign(end_at=instant))
    if len(unknown):
        parts.append(_rows(unknown, instant).assign(predecessors=_predecessors(unknown, new, old)))
    opened = (
        require_frame("code_history", pd.concat(parts, ignore_index=True)) if parts else empty_frame("code_history")
    )
    ended = tuple(sorted(str(code) for code in old["code"] if code in open_codes))
    return HistoryChange(instant, ended, opened)


def _absent(codes: list[str], others: set[str]) -> NDArray[np.bool_]:
    return np.fromiter((code not in others for code in codes), dtype=bool, count=len(codes))


def _rows(cells: gpd.GeoDataFrame, at: pd.Timestamp) -> pd.DataFrame:
    frame = pd.DataFrame(cells[["code", "name", "community_code"]]).reset_index(drop=True)
    end = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    return frame.assign(initial_at=at, end_at=end, predecessors="[]")


def _predecessors(rows: gpd.GeoDataFrame, new: gpd.GeoDataFrame, old: gpd.GeoDataFrame) -> list[str]:
    """Return for each row the JSON array of the ended codes whose ground it holds; none for cells that are not new."""
    ground = common_ground(new.geometry.to_numpy(), old.geometry.to_numpy())
    smaller = np.minimum(new.area.to_numpy()[ground.new], old.area.to_numpy()[ground.former])
    holds = ground.areas_m2 > _PREDECESSOR_SHARE * smaller
    codes, ended = new["code"].to_numpy(dtype=object), old["code"].to_numpy(dtype=object)
    found: dict[str, list[str]] = {}
    for one, two in zip(codes[ground.new[holds]], ended[ground.former[holds]], strict=True):
        found.setdefault(one, []).append(str(two))
    return [json.dumps(sorted(found.get(code, []))) for code in rows["code"]]
