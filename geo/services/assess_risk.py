"""Estimate where incidents concentrate, rank the cells, and store both."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.risk.intensity import IntensityParams, Raster, estimate_intensity, recency_weights
from geo.errors import MissingLayerError
from geo.model.progress import Progress, ignore_progress, tell_stored
from geo.model.reports import RiskReport
from geo.services.overtaken import inputs_stamp, require_unchanged
from geo.storage.store import Store

__all__ = ["ALL_PERIODS", "IntensityParams", "assess_risk"]

_DAY_S = 86_400.0
_KEPT_SHARE = 0.02
"""Raster cells below this share of the highest intensity are not kept: they would not be seen."""
ALL_PERIODS = "all"


def assess_risk(store: Store, params: IntensityParams, progress: Progress = ignore_progress) -> RiskReport:
    """Make the intensity surface, whole and by month, and the ranking of the unified cells.

    Raises
    ------
    MissingLayerError
        There are no incidents, or the zonings were not unified.
    """
    with store.begin() as transaction:
        project, stamp = transaction.project, inputs_stamp(transaction)
        incidents = transaction.read("incident")
        cells = transaction.read("unified_cell")
    if incidents.empty:
        raise MissingLayerError("No incidents were imported. Import them, then assess the risk.")
    if cells.empty:
        raise MissingLayerError("The zonings are not unified yet. Unify them, then assess the risk.")
    progress("Estimating the intensity", 0.1)
    bounds = cells.total_bounds
    raster = Raster.over((bounds[0], bounds[1], bounds[2], bounds[3]), params.cell_size_m)
    xy = np.column_stack((incidents.geometry.x, incidents.geometry.y))
    age = (incidents["occurred_at"].max() - incidents["occurred_at"]).dt.total_seconds().to_numpy() / _DAY_S
    recent = estimate_intensity(xy, recency_weights(age, params.half_life_days), raster, params.bandwidth_m)
    progress("Ranking the cells", 0.4)
    ranking = _rank(cells, incidents, raster, recent)
    progress("Estimating each month", 0.6)
    months = incidents["occurred_at"].dt.tz_convert(project.time_zone).dt.strftime("%Y-%m").to_numpy()
    surface = _surface(xy, months, raster, params.bandwidth_m, project.epsg)
    times = incidents["occurred_at"].dt.tz_convert(project.time_zone)
    report = RiskReport(
        incidents=len(incidents),
        first_at=times.min().isoformat(),
        last_at=times.max().isoformat(),
        bandwidth_m=params.bandwidth_m,
        half_life_days=params.half_life_days,
        cell_size_m=params.cell_size_m,
        periods=tuple(sorted(set(months))),
        cells_ranked=len(ranking),
        top_cells=tuple(ranking["cell_code"].head(10)),
    )
    progress("Storing", 0.9)
    with store.begin() as transaction:
        require_unchanged(transaction, stamp)
        transaction.replace("risk_cell", ranking)
        transaction.replace("risk_surface", surface)
        transaction.save_report("risk", report.as_json())
    tell_stored(progress, "Risk assessed")
    return report


def _rank(
    cells: gpd.GeoDataFrame, incidents: gpd.GeoDataFrame, raster: Raster, intensity: NDArray[np.float64]
) -> gpd.GeoDataFrame:
    """Return the ``risk_cell`` frame: mean intensity over each cell, highest first."""
    polygons = cells.geometry.to_numpy()
    inside, cell = shapely.STRtree(polygons).query(shapely.points(raster.centres()), predicate="intersects")
    values = intensity.ravel()
    total = np.bincount(cell, weights=values[inside], minlength=len(cells))
    count = np.bincount(cell, minlength=len(cells))
    # cells smaller than a raster cell may hold no middle: they take the value at their own
    own = shapely.get_coordinates(shapely.point_on_surface(polygons))
    column = np.clip(((own[:, 0] - raster.x0) / raster.cell_size_m).astype(int), 0, raster.columns - 1)
    row = np.clip(((own[:, 1] - raster.y0) / raster.cell_size_m).astype(int), 0, raster.rows - 1)
    mean = np.where(count > 0, total / np.maximum(count, 1), intensity[row, column])
    point, holder = shapely.STRtree(polygons).query(incidents.geometry.to_numpy(), predicate="intersects")
    _, first = np.unique(point, return_index=True)
    frame = gpd.GeoDataFrame(
        {
            "cell_code": cells["code"],
            "incidents": np.bincount(holder[first], minlength=len(cells)),
            "intensity_per_m2": mean,
            "risk_score": mean / max(float(mean.max()), 1e-300),
        },
        geometry=cells.geometry,
        crs=cells.crs,
    )
    frame = frame.sort_values(["intensity_per_m2", "cell_code"], ascending=[False, True], ignore_index=True)
    frame["rank"] = np.arange(1, len(frame) + 1)
    return frame


def _surface(
    xy: NDArray[np.float64], months: NDArray[np.object_], raster: Raster, bandwidth_m: float, epsg: int
) -> gpd.GeoDataFrame:
    """Return the ``risk_surface`` frame: the whole time and each month, faint raster cells left out."""
    one = np.ones(len(xy))
    whole = estimate_intensity(xy, one, raster, bandwidth_m).ravel()
    by_month = {
        month: estimate_intensity(xy[months == month], one[months == month], raster, bandwidth_m).ravel()
        for month in sorted(set(months))
    }
    highest = max(float(values.max()) for values in by_month.values())
    centres = shapely.points(raster.centres())
    parts = []
    for period, values, top in [
        (ALL_PERIODS, whole, float(whole.max())),
        *((m, v, highest) for m, v in by_month.items()),
    ]:
        kept = values > _KEPT_SHARE * top
        parts.append(
            gpd.GeoDataFrame(
                {"period": period, "intensity_per_m2": values[kept], "risk_score": values[kept] / top},
                geometry=centres[kept],
                crs=epsg,
            )
        )
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=epsg)
