"""Plan the patrols of one shift, check the plan, and store it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.snap import nearest_nodes
from geo.algorithms.partition.attach import places_of
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.legs import leg_frame, route_frame, visit_frame
from geo.algorithms.routing.solve import SolveParams, solve
from geo.errors import CheckFailedError, MissingLayerError, ParameterError
from geo.model.frames import FACILITY_KINDS, ROAD_CLASSES
from geo.model.network import Mode, StreetNetwork
from geo.model.patrol import DAY_S, PATROL_SPEED_MPS, PatrolProblem, Team, Visit
from geo.model.plan import PatrolPlan, balance_max_over_mean, gini
from geo.model.progress import Progress, ignore_progress, part_of, tell_stored
from geo.model.reports import Finding, PlanReport, list_rows
from geo.services.overtaken import inputs_stamp, require_unchanged
from geo.storage.store import Store
from geo.storage.transaction import Transaction

__all__ = ["PatrolParams", "SolveParams", "VisitRule", "plan_patrols", "read_problem"]

_FAR_FROM_STREET_M = 200.0
_WALKING_MPS = 1.3
"""Speed from the junction to the door of a place; that of geo/algorithms/network/speeds.toml."""


@dataclass(frozen=True)
class VisitRule:
    """Facilities of one kind are visited in the shift, once or more often.

    Attributes
    ----------
    kind
        Kind of facility.
    service_duration_s
        Length of the stay; FIELD.md section 3: 10–16 minutes at a hot spot.
    windows
        Intervals in which the stay may start, seconds after local midnight; empty: any time. One that ends before it
        starts passes midnight.
    times
        How often in the shift.
    min_gap_s, max_gap_s
        Shortest and longest time between two visits in a row; None for no limit. FIELD.md section 3: at least every 2 h.
    each_window
        Whether a place is visited in each window (school opening and closing) rather than in one of them.
    """

    kind: str
    service_duration_s: float = 720.0
    windows: tuple[tuple[float, float], ...] = ()
    times: int = 1
    min_gap_s: float = 0.0
    max_gap_s: float | None = None
    each_window: bool = False

    def __post_init__(self) -> None:
        if self.kind not in FACILITY_KINDS:
            raise ParameterError(
                "'{kind}' is not a kind of facility. Known are {kinds}.",
                kind=self.kind,
                kinds=", ".join(FACILITY_KINDS),
            )


@dataclass(frozen=True)
class PatrolParams:
    """What a patrol plan shall serve.

    Attributes
    ----------
    required_classes
        Classes of streets to be patrolled; empty: all.
    risk_share
        Streets in this share of the cells, those of the highest risk, are patrolled: beside the classes where any are named,
        alone where none is; 0 without risk.
    area
        Zoning and code of a cell (a beat): only streets and facilities in it; None: everywhere.
    visit_rules
        Facilities to be visited.
    teams
        Names of the teams on duty; empty: all.
    patrol_speed_mps
        Mode → speed while patrolling.
    solve
        Search time, seed, and whether to be fair.
    """

    required_classes: tuple[str, ...] = ()
    risk_share: float = 0.0
    area: tuple[str, str] | None = None
    visit_rules: tuple[VisitRule, ...] = ()
    teams: tuple[str, ...] = ()
    patrol_speed_mps: Mapping[Mode, float] = field(default_factory=lambda: dict(PATROL_SPEED_MPS))
    solve: SolveParams = field(default_factory=SolveParams)

    def __post_init__(self) -> None:
        unknown = [name for name in self.required_classes if name not in ROAD_CLASSES]
        if unknown or not 0 <= self.risk_share <= 1:
            raise ParameterError(
                "Classes of streets are {classes} (given: {unknown}); the share of risky cells lies between 0 and 1.",
                classes=", ".join(ROAD_CLASSES),
                unknown=", ".join(unknown) or "-",
            )


def plan_patrols(store: Store, params: PatrolParams, progress: Progress = ignore_progress) -> PlanReport:
    """Plan the patrols; former plans stay, the newest is shown.

    A stop during the improvement keeps the best plan so far.

    Raises
    ------
    MissingLayerError
        There is no network, no team, or nothing to patrol.
    InfeasibleError
        A team's depot cannot be reached in its mode.
    CheckFailedError
        The independent check refused the plan; nothing is stored.
    """
    with store.begin() as transaction:
        stamp = inputs_stamp(transaction)
        problem, findings = read_problem(transaction, params)
    plan = solve(problem, params.solve, part_of(progress, 0.05, 0.9))
    progress("Checking", 0.9)
    check = check_plan(problem, plan)
    if check.errors:
        raise CheckFailedError(
            "The patrol plan failed its check ({error}); nothing was stored. Please report this with the data.",
            error=check.errors[0],
        )
    created = datetime.now(UTC)
    plan_id = created.strftime("%Y%m%dT%H%M%S%f")[:-3]
    report = _report(problem, plan, plan_id, findings)
    with store.begin() as transaction:
        require_unchanged(transaction, stamp)
        body = {"plan_id": plan_id, "created_at": pd.Timestamp(created).as_unit("us")}
        texts = {"params": json.dumps(asdict(params), ensure_ascii=False), "summary": json.dumps(report.as_json())}
        transaction.append("plan", pd.DataFrame([body | texts]))
        transaction.append("route", route_frame(problem, plan, plan_id))
        transaction.append("leg", leg_frame(problem, plan, plan_id))
        transaction.append("visit", visit_frame(problem, plan, plan_id))
        transaction.save_report("plan", report.as_json())
    tell_stored(progress, "Planned")
    return report


def read_problem(transaction: Transaction, params: PatrolParams) -> tuple[PatrolProblem, list[Finding]]:
    """Return the patrol problem that a project and the wishes make, and what is odd about it.

    Raises
    ------
    MissingLayerError
        There is no network, no team, or nothing to patrol.
    """
    network = StreetNetwork(
        transaction.read("network_node", order_by=("node_id",)), transaction.read("network_edge", order_by=("edge_id",))
    )
    if network.edges.empty:
        raise MissingLayerError("The street network is not built yet. Build it, then plan.")
    teams = transaction.read("team")
    if params.teams:
        unknown = sorted(set(params.teams) - set(teams["name"]))
        if unknown:
            raise ParameterError("There is no team '{team}'.", team=unknown[0])
        teams = teams[teams["name"].isin(params.teams)].reset_index(drop=True)
    if teams.empty:
        raise MissingLayerError("A patrol plan needs at least one team. Import the teams.")
    area = _area(transaction, params.area)
    modes = cast("tuple[Mode, ...]", tuple(dict.fromkeys(teams["mode"])))
    strong = {mode: strong_part(len(network.nodes), network.arcs(mode)) for mode in modes}
    if not all(part.any() for part in strong.values()):
        raise MissingLayerError(
            "The street network has no part that the teams could patrol. Check its one-way streets."
        )
    findings: list[Finding] = []
    required = _required_edges(transaction, network, params, area)
    visits = _visits(transaction, network, params, area, list(strong.values()), findings)
    if not len(required) and not visits:
        raise MissingLayerError("Nothing is to be patrolled: no street and no facility fits the choice. Widen it.")
    problem = PatrolProblem(
        network, _teams(network, teams, strong), tuple(required.tolist()), visits, params.patrol_speed_mps
    )
    return problem, findings


def _area(transaction: Transaction, area: tuple[str, str] | None) -> shapely.MultiPolygon | None:
    if area is None:
        return None
    cells = transaction.read("cell", where={"zoning_id": area[0], "code": area[1]})
    if cells.empty:
        raise MissingLayerError("There is no cell '{code}' in the zoning '{zoning}'.", zoning=area[0], code=area[1])
    return cells.geometry.iloc[0]


def _required_edges(
    transaction: Transaction, network: StreetNetwork, params: PatrolParams, area: shapely.MultiPolygon | None
) -> NDArray[np.int64]:
    """Return the segments to be patrolled: by class, by risk, in the area."""
    edges = network.edges
    chosen = np.ones(len(edges), dtype=bool)
    if params.required_classes:
        chosen = edges["road_class"].isin(params.required_classes).to_numpy()
    if params.risk_share > 0:
        risk = transaction.read("risk_cell", order_by=("rank",))
        if risk.empty:
            raise MissingLayerError("The risk is not assessed yet. Assess it, or plan without risk.")
        risky = risk["cell_code"].head(int(np.ceil(params.risk_share * len(risk))))
        by_risk = edges["cell_code"].isin(risky).to_numpy()
        chosen = by_risk | chosen if params.required_classes else by_risk
    if area is not None:
        shapely.prepare(area)
        chosen &= shapely.intersects(area, places_of(edges))
    return np.flatnonzero(chosen)


def _teams(network: StreetNetwork, teams: gpd.GeoDataFrame, strong: dict[Mode, NDArray[np.bool_]]) -> tuple[Team, ...]:
    result = []
    for row in teams.itertuples():
        xy = np.array([[row.geometry.x, row.geometry.y]])
        depot, _ = nearest_nodes(network, xy, strong[cast("Mode", row.mode)])
        result.append(
            Team(
                str(row.name),
                str(row.kind),
                int(row.members),
                cast("Mode", row.mode),
                float(row.shift_start_s),
                float(row.shift_end_s),
                int(depot[0]),
            )
        )
    return tuple(result)


def _visits(
    transaction: Transaction,
    network: StreetNetwork,
    params: PatrolParams,
    area: shapely.MultiPolygon | None,
    strong: list[NDArray[np.bool_]],
    findings: list[Finding],
) -> tuple[Visit, ...]:
    """Return the visits; each at the nearest junction that all modes of the teams can reach, if there is one."""
    rules = {rule.kind: rule for rule in params.visit_rules}
    if not rules:
        return ()
    facilities = transaction.read("facility", where={"kind": list(rules)}, order_by=("code",))
    if area is not None:
        facilities = facilities[facilities.intersects(area)].reset_index(drop=True)
    if facilities.empty:
        return ()
    xy = np.column_stack((facilities.geometry.x, facilities.geometry.y))
    common = np.all(strong, axis=0)
    nodes, distance = nearest_nodes(network, xy, common if common.any() else np.any(strong, axis=0))
    far = np.flatnonzero(distance > _FAR_FROM_STREET_M)
    if len(far):
        message = "{count} facilities lie more than {limit_m:.0f} m from a street junction, e.g. {name}."
        context = {"count": len(far), "limit_m": _FAR_FROM_STREET_M, "name": facilities["name"].iloc[far[0]]}
        x, y = xy[far[0]].tolist()
        findings.append(
            Finding("far_from_street", "warning", message, len(far), list_rows(far.tolist()), x, y, context)
        )
    return tuple(
        Visit(
            code,
            name,
            kind,
            int(node),
            float(x),
            float(y),
            rules[kind].service_duration_s,
            tuple((start, end if end >= start else end + DAY_S) for start, end in rules[kind].windows),
            access_s=2 * float(away_m) / _WALKING_MPS,
            times=rules[kind].times,
            min_gap_s=rules[kind].min_gap_s,
            max_gap_s=_or_inf(rules[kind].max_gap_s),
            each_window=rules[kind].each_window,
        )
        for code, name, kind, node, (x, y), away_m in zip(
            facilities["code"], facilities["name"], facilities["kind"], nodes, xy, distance, strict=True
        )
    )


def _or_inf(limit: float | None) -> float:
    return inf if limit is None else limit


def _report(problem: PatrolProblem, plan: PatrolPlan, plan_id: str, findings: list[Finding]) -> PlanReport:
    """Return the figures of a plan; fairness counts every team on duty."""
    durations = plan.durations_s()
    length = problem.network.edges["length_m"].to_numpy()
    required = np.array(problem.required_edges, dtype=np.int64)
    unserved = np.array(sorted(plan.unserved_edges), dtype=np.int64)
    moves = [step for route in plan.routes for step in route.steps if step.edge >= 0]
    travelled = float(sum(length[step.edge] for step in moves))
    served = float(sum(length[step.edge] for step in moves if step.serves))
    by_reason: dict[str, list[int]] = {}
    for edge, reason in plan.unserved_edges.items():
        by_reason.setdefault(reason, []).append(edge)
    for reason, edges in sorted(by_reason.items()):
        x, y = shapely.get_coordinates(problem.network.edges.geometry.iloc[edges[0]])[0].tolist()
        message = "{length_km:.1f} km of required streets are not patrolled. {reason}"
        context: dict[str, Any] = {"length_km": float(length[edges].sum()) / 1000, "reason": reason}
        findings.append(Finding("unserved_streets", "warning", message, len(edges), list_rows(edges), x, y, context))
    findings += [
        Finding("remedy", "note", remedy.message, remedy.services, context=dict(remedy.context))
        for remedy in plan.remedies
    ]
    return PlanReport(
        plan_id=plan_id,
        teams=len(problem.teams),
        required_edges=len(required),
        required_m=float(length[required].sum()),
        served_m=float(length[required].sum() - length[unserved].sum()),
        visits=len(problem.visits),
        visits_served=len(problem.visits) - len(plan.unserved_visits),
        total_m=travelled,
        deadhead_m=travelled - served,
        total_s=float(durations.sum()),
        longest_s=float(durations.max()),
        lower_bound_s=plan.lower_bound_s,
        max_over_mean=balance_max_over_mean(durations),
        gini=gini(durations),
        seed=plan.seed,
        iterations=plan.iterations,
        search_s=plan.seconds,
        stopped_early=plan.stopped_early,
        findings=tuple(findings),
    )
