"""A plan as the frames that are stored and shown: routes, legs with street names, visits."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.model.frames import empty_frame
from geo.model.patrol import PatrolProblem
from geo.model.plan import PatrolPlan, Route, Step


def _line(problem: PatrolProblem, steps: list[Step]) -> shapely.LineString:
    """Return the way of some steps in the direction of walking, joints once."""
    lines = problem.network.edges.geometry.to_numpy()
    parts: list[NDArray[np.float64]] = []
    for step in steps:
        xy = shapely.get_coordinates(lines[step.edge])
        xy = xy if step.forward else xy[::-1]
        parts.append(xy[1:] if parts else xy)
    return shapely.LineString(np.concatenate(parts))


def _kind(step: Step) -> str:
    if step.edge < 0:
        return "break" if step.is_break else "visit"
    return "serve" if step.serves else "deadhead"


def leg_frame(problem: PatrolProblem, plan: PatrolPlan, plan_id: str) -> gpd.GeoDataFrame:
    """Return the ``leg`` frame: consecutive steps on one street, patrolled or passed, are one leg."""
    names = problem.network.edges["name"].tolist()
    lengths = problem.network.edges["length_m"].tolist()
    rows: list[dict[str, Any]] = []
    for route in plan.routes:
        number = 0
        for (kind, name), group in groupby(
            route.steps, key=lambda step: (_kind(step), names[step.edge] if step.edge >= 0 else "")
        ):
            if kind in ("visit", "break"):
                continue
            steps = list(group)
            number += 1
            rows.append(
                {
                    "plan_id": plan_id,
                    "route_no": route.team + 1,
                    "leg_no": number,
                    "kind": kind,
                    "name": name,
                    "length_m": sum(lengths[step.edge] for step in steps),
                    "start_s": steps[0].start_s,
                    "end_s": steps[-1].end_s,
                    "arcs": json.dumps([(step.edge + 1) * (1 if step.forward else -1) for step in steps]),
                    "geometry": _line(problem, steps),
                }
            )
    epsg = problem.network.edges.crs.to_epsg()
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=epsg) if rows else empty_frame("leg", epsg)


def route_frame(problem: PatrolProblem, plan: PatrolPlan, plan_id: str) -> gpd.GeoDataFrame:
    """Return the ``route`` frame; teams that stay at their depot have no row."""
    rows = [_route_row(problem, route, plan_id) for route in plan.routes if any(step.edge >= 0 for step in route.steps)]
    epsg = problem.network.edges.crs.to_epsg()
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=epsg) if rows else empty_frame("route", epsg)


def _route_row(problem: PatrolProblem, route: Route, plan_id: str) -> dict[str, Any]:
    team = problem.teams[route.team]
    lengths = problem.network.edges["length_m"].to_numpy()
    moves = [step for step in route.steps if step.edge >= 0]
    length = float(sum(lengths[step.edge] for step in moves))
    served = float(sum(lengths[step.edge] for step in moves if step.serves))
    return {
        "plan_id": plan_id,
        "route_no": route.team + 1,
        "team": team.name,
        "team_kind": team.kind,
        "mode": team.mode,
        "start_s": route.start_s,
        "end_s": route.end_s,
        "length_m": length,
        "served_m": served,
        "deadhead_m": length - served,
        "duration_s": route.duration_s,
        "visits": sum(step.visit >= 0 for step in route.steps),
        "geometry": _line(problem, moves),
    }


def visit_frame(problem: PatrolProblem, plan: PatrolPlan, plan_id: str) -> gpd.GeoDataFrame:
    """Return the ``visit`` frame: visits in the order of each route, then those not served with their reason."""
    rows: list[dict[str, Any]] = []
    for route in plan.routes:
        for sequence, step in enumerate((step for step in route.steps if step.visit >= 0), start=1):
            rows.append(_visit_row(problem, plan_id, step.visit, route.team + 1, sequence, step.start_s, ""))
    for number, reason in sorted(plan.unserved_visits.items()):
        rows.append(_visit_row(problem, plan_id, number, 0, 0, None, reason))
    epsg = problem.network.edges.crs.to_epsg()
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=epsg) if rows else empty_frame("visit", epsg)


def _visit_row(
    problem: PatrolProblem, plan_id: str, number: int, route_no: int, sequence: int, arrive_s: float | None, reason: str
) -> dict[str, Any]:
    visit = problem.visits[number]
    window: tuple[float | None, float | None] = (None, None)
    if visit.windows:
        at = visit.windows[0][0] if arrive_s is None else arrive_s
        window = next((w for w in visit.daily_windows if w[0] - 1 <= at <= w[1] + 1), visit.windows[0])
    return {
        "plan_id": plan_id,
        "route_no": route_no,
        "sequence": sequence,
        "code": visit.code,
        "name": visit.name,
        "kind": visit.kind,
        "node_id": visit.node,
        "arrive_s": arrive_s,
        "service_duration_s": visit.service_duration_s,
        "window_start_s": window[0],
        "window_end_s": window[1],
        "reason": reason,
        "geometry": shapely.Point(visit.x, visit.y),
    }
