"""What the routes of one plan look like to those who walk them: read once from the store, for files and sheets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import geopandas as gpd

from geo.model.itinerary import Itinerary


@dataclass(frozen=True)
class Shift:
    """When a team is on duty, seconds after local midnight, and how many it is."""

    start_s: float
    end_s: float
    members: int


@dataclass(frozen=True)
class RoutesView:
    """The routes of one plan, and the ground that they lie on.

    Attributes
    ----------
    project_name
        Of the project.
    plan_id
        Key of the plan.
    created_at
        When it was made, in the time zone of the project.
    numbers
        Of all routes of the plan, ascending; a route's place among them gives its colour.
    itineraries
        In the order of the route numbers; all of them, or one.
    shifts
        Team → its shift, for teams that are still there.
    streets, buildings
        ``network_edge`` and ``building`` rows of the project, or of the ground around the routes.
    """

    project_name: str
    plan_id: str
    created_at: datetime
    numbers: tuple[int, ...]
    itineraries: tuple[Itinerary, ...]
    shifts: Mapping[str, Shift]
    streets: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame

    def alone(self, itinerary: Itinerary) -> RoutesView:
        """Return the view with one route only."""
        return replace(self, itineraries=(itinerary,))
