"""The intensity surface as a small picture: one byte for each grid point and period."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from maps.encoding import Encoder

ALL_PERIODS = "all"
_MOST_PIXELS = 1_000_000


def surface_payload(frame: gpd.GeoDataFrame, encoder: Encoder) -> dict[str, Any]:
    """Return the surface as pages embed it.

    The points are taken as centres of a square grid along the axes of the metric CRS; its step is the smallest distance
    between their coordinates. The three corners carry the turn of that grid against north.

    Returns
    -------
    dict
        ``nx``, ``ny``; ``corners``: south-west, south-east, north-west from the origin; ``periods``: ``all`` first,
        then months; ``scores``: for each period nx × ny values 0–255 in rows from the south, 0 where there is none;
        ``top``: highest intensity of each period, incidents per m².
    """
    xy = shapely.get_coordinates(frame.geometry.to_numpy())
    step = max(_step(xy[:, 0]), _step(xy[:, 1]), _coarsest(xy))
    low = xy.min(axis=0)
    places = np.rint((xy - low) / step).astype(np.int64)
    nx, ny = (int(value) + 1 for value in places.max(axis=0))
    periods = sorted(set(frame["period"]), key=lambda period: (period != ALL_PERIODS, period))
    scores, top = [], []
    period_of, score_of = frame["period"].to_numpy(), frame["risk_score"].to_numpy()
    for period in periods:
        chosen = period_of == period
        picture = np.zeros(nx * ny, dtype=np.int64)
        values = np.clip(np.rint(score_of[chosen] * 255), 0, 255).astype(np.int64)
        picture[places[chosen, 1] * nx + places[chosen, 0]] = values
        scores.append(_run_lengths(picture))
        top.append(float(f"{frame['intensity_per_m2'].to_numpy()[chosen].max():.4g}"))
    west, south = low - step / 2
    east, north = west + nx * step, south + ny * step
    corners = [encoder.corner(west, south), encoder.corner(east, south), encoder.corner(west, north)]
    return {"nx": nx, "ny": ny, "corners": corners, "periods": periods, "scores": scores, "top": top}


def _step(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the smallest distance between coordinates; millimetres are noise."""
    gaps = np.diff(np.unique(values.round(2)))
    return float(gaps[gaps > 0.5].min()) if (gaps > 0.5).any() else 1.0


def _coarsest(xy: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the step below which points that are no grid would make too large a picture."""
    width, height = xy.max(axis=0) - xy.min(axis=0)
    return float(np.sqrt(max(width, 1.0) * max(height, 1.0) / _MOST_PIXELS))


def _run_lengths(picture: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
    """Return the picture as values, each run of zeros as one negative length."""
    packed: list[int] = []
    for value in picture.tolist():
        if value:
            packed.append(value)
        elif packed and packed[-1] < 0:
            packed[-1] -= 1
        else:
            packed.append(-1)
    return packed
