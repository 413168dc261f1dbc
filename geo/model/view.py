"""What is shown: everything that a page of a project may draw, read once from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from geo.model.project import Project


@dataclass(frozen=True)
class ProjectView:
    """The layers of a project in its metric CRS, ready to be drawn or exported.

    Attributes
    ----------
    project
        The project itself.
    frames
        Table name → frame as :mod:`geo.model.frames` describes it; tables without rows are empty frames. The patrol
        tables (plan, route, leg, visit) hold one plan only, the newest unless another was asked for.
    reports
        Step name (``"import"``, ``"unify"``, ``"network"``, ``"plan"``, ``"risk"``) → newest reports of that step as JSON
        objects, oldest first.
    """

    project: Project
    frames: Mapping[str, pd.DataFrame]
    reports: Mapping[str, list[dict[str, Any]]]

    def layer(self, table: str) -> gpd.GeoDataFrame:
        """Return the frame of a table that has a geometry."""
        frame = self.frames[table]
        if not isinstance(frame, gpd.GeoDataFrame):
            raise TypeError(f"table {table} has no geometry")
        return frame
