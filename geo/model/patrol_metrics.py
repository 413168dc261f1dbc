"""How good a patrol plan is, in figures (FIELD.md section 3): coverage, fairness, idleness, order, stability."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from geo.model.patrol import PatrolProblem
from geo.model.plan import PatrolPlan, Route, Step, balance_max_over_mean, gini

KOPER_STAY_S = (600.0, 960.0)
"""Stay of 10 to 16 minutes (Koper 1995, after FIELD.md section 3)."""
KOPER_GAP_S = 7200.0
"""At least every 2 hours (as above)."""

_Place = tuple[int, int]
"""Segment and visit; the other one is -1."""
_Service = tuple[int, int, int, bool | None]
"""Segment, visit and repetition, and for a segment that is wanted in both directions, which."""


@dataclass(frozen=True)
class Idleness:
    """How long places are left alone.

    Attributes
    ----------
    worst_s
        Longest time that any place is left alone.
    mean_s
        Time since the last service, averaged over the shift, and over the places.
    """

    worst_s: float
    mean_s: float


@dataclass(frozen=True)
class Changes:
    """How much two plans differ.

    Attributes
    ----------
    team_share
        Share of services that another team makes, or that only one of the plans makes.
    order_share
        Share of services of which that is so, or which follow on another service.
    """

    team_share: float
    order_share: float


@dataclass(frozen=True)
class PatrolMetrics:
    """Figures of one plan.

    Attributes
    ----------
    max_over_mean, max_minus_min_s, gini
        Fairness: of the durations of all routes, those of teams that stay at home (0 s) included.
    coverage_share
        Of :func:`coverage_share`.
    deadhead_share
        Of :func:`deadhead_share`.
    idleness
        Of :func:`idleness`.
    koper_share
        Of :func:`koper_share`; None without stays.
    """

    max_over_mean: float
    max_minus_min_s: float
    gini: float
    coverage_share: float
    deadhead_share: float
    idleness: Idleness
    koper_share: float | None


def measure_plan(problem: PatrolProblem, plan: PatrolPlan) -> PatrolMetrics:
    """Return the figures of a plan."""
    durations_s = plan.durations_s()
    return PatrolMetrics(
        balance_max_over_mean(durations_s),
        float(np.ptp(durations_s)) if len(durations_s) else 0.0,
        gini(durations_s),
        coverage_share(problem, plan),
        deadhead_share(problem, plan),
        idleness(problem, plan),
        koper_share(problem, plan),
    )


def coverage_share(problem: PatrolProblem, plan: PatrolPlan) -> float:
    """Return the share of required patrols that are made, by length; 1 when none is asked for.

    A segment counts once for each time and each direction in which it is to be patrolled; optional ones do not count.
    """
    length_m = problem.network.edges["length_m"].to_numpy()
    wanted: dict[int, int] = {}
    for edge in problem.required_edges:
        rule = problem.rule(edge)
        if rule.prize_s is None:
            wanted[edge] = rule.times * (2 if rule.direction == "both" else 1)
    made = Counter(step.edge for step in _steps(plan) if step.serves and step.edge in wanted)
    total_m = sum(length_m[edge] * times for edge, times in wanted.items())
    made_m = sum(length_m[edge] * min(times, wanted[edge]) for edge, times in made.items())
    return float(made_m / total_m) if total_m > 0 else 1.0


def deadhead_share(problem: PatrolProblem, plan: PatrolPlan) -> float:
    """Return the share of the way that is not patrolled, by length; 0 when nobody moves."""
    length_m = problem.network.edges["length_m"].to_numpy()
    moves = [step for step in _steps(plan) if step.edge >= 0]
    total_m = float(sum(length_m[step.edge] for step in moves))
    served_m = float(sum(length_m[step.edge] for step in moves if step.serves))
    return 1 - served_m / total_m if total_m > 0 else 0.0


def idleness(problem: PatrolProblem, plan: PatrolPlan) -> Idleness:
    """Return how long required places are left alone.

    The idleness of a place is the time since its last service ended, or since the shift began; during a service it is 0.
    The shift is from when the first team may be out until the last one must be back, so that a place that nobody serves
    is idle all the time. Passing by without patrolling does not count. The mean over time is ``Σ gap²/2`` over the length
    of the shift (Machado et al., *Multi-agent patrolling*, 2002: worst idleness and average idleness).

    Returns
    -------
    Idleness
        Over all required segments and visits, each counting the same; 0 when there are none.
    """
    first_s = min(team.shift_start_s for team in problem.teams)
    last_s = max(team.shift_end_s for team in problem.teams)
    times: dict[_Place, list[tuple[float, float]]] = {
        (edge, -1): [] for edge in problem.required_edges if problem.rule(edge).prize_s is None
    }
    times |= {(-1, number): [] for number, visit in enumerate(problem.visits) if visit.prize_s is None}
    for step in _steps(plan):
        if _is_service(step) and (step.edge, step.visit) in times:
            times[step.edge, step.visit].append((step.start_s, step.end_s))
    if not times:
        return Idleness(0.0, 0.0)
    gaps_s = [list(_gaps_s(served, first_s, last_s)) for served in times.values()]
    means_s = [sum(gap * gap for gap in gaps) / 2 / (last_s - first_s) for gaps in gaps_s]
    return Idleness(max(max(gaps) for gaps in gaps_s), sum(means_s) / len(means_s))


def _gaps_s(served: Iterable[tuple[float, float]], first_s: float, last_s: float) -> Iterator[float]:
    """Yield how long a place is left alone before, between and after its services, which may overlap."""
    since_s = first_s
    for start_s, end_s in sorted(served):
        yield max(0.0, start_s - since_s)
        since_s = max(since_s, end_s)
    yield max(0.0, last_s - since_s)


def koper_share(problem: PatrolProblem, plan: PatrolPlan, visits: Collection[int] | None = None) -> float | None:
    """Return the share of stays that comply with Koper's rule; None without stays.

    A stay complies when it lasts 10 to 16 minutes, the way to the door not counted, and begins within 2 hours of the
    last one there, or of the beginning of the shift. A break is no stay.

    Parameters
    ----------
    problem, plan
        The plan and what was asked for.
    visits
        Numbers of the visits that are hot spots; None: all.
    """
    begins_s = min(team.shift_start_s for team in problem.teams)
    stays: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for step in _steps(plan):
        if step.visit >= 0 and (visits is None or step.visit in visits):
            stays[step.visit].append((step.start_s, step.end_s))
    complying = total = 0
    for number, times in stays.items():
        since_s = begins_s
        for start_s, end_s in sorted(times):
            stay_s = end_s - start_s - problem.visits[number].access_s
            is_long_enough = KOPER_STAY_S[0] - 1e-6 <= stay_s <= KOPER_STAY_S[1] + 1e-6
            complying += is_long_enough and start_s - since_s <= KOPER_GAP_S + 1e-6
            total += 1
            since_s = end_s
    return complying / total if total else None


def order_entropy(plans: Sequence[PatrolPlan], *, visits_only: bool = False) -> float:
    """Return how unpredictable the order of services is over several plans, in bits.

    Entropy of the next place for somebody who knows all plans and where a team is, but not which plan is used:
    ``H = Σ_i p_i·H(next | i)``, with ``p_i`` the share of services after which place i is left, the beginning and the
    end of each team's route included (Shannon 1948, conditional entropy). 0 when all plans have the same order and each
    place comes once; at most ``log2`` of the number of plans when each place comes once.

    Parameters
    ----------
    plans
        Plans for the same problem.
    visits_only
        Whether only stays count, in their order, and not segments.
    """
    following: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for plan in plans:
        for route in plan.routes:
            here: Hashable = ("start", route.team)
            for step in route.steps:
                if _is_service(step) and (step.visit >= 0 or not visits_only):
                    place = (step.edge, step.visit)
                    following[here][place] += 1
                    here = place
            following[here]["end"] += 1
    return _mean_entropy(following.values())


def arrival_entropy(plans: Sequence[PatrolPlan], bin_s: float = 1800.0) -> float:
    """Return how unpredictable the times of services are over several plans, in bits.

    Mean over the places of the entropy of the half hour in which they are served; 0 when every place is always served in
    the same one.

    Parameters
    ----------
    plans
        Plans for the same problem.
    bin_s
        Length of an interval of the day.
    """
    times: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for plan in plans:
        for step in _steps(plan):
            if _is_service(step):
                times[step.edge, step.visit][int(step.start_s // bin_s)] += 1
    return sum(_entropy(one) for one in times.values()) / len(times) if times else 0.0


def _mean_entropy(distributions: Iterable[Counter[Hashable]]) -> float:
    """Return the mean entropy of distributions by their size."""
    ones = list(distributions)
    total = sum(one.total() for one in ones)
    return sum(one.total() * _entropy(one) for one in ones) / total if total else 0.0


def _entropy(counts: Counter[Hashable]) -> float:
    total = counts.total()
    return -sum(count / total * log2(count / total) for count in counts.values()) + 0.0


def changes(problem: PatrolProblem, plan: PatrolPlan, other: PatrolPlan) -> Changes:
    """Return how much of a plan another one changes: its stability against yesterday, or after a replan.

    Services are told apart by segment or visit, repetition, and direction where both are asked for; a segment that is
    patrolled in the other direction though either will do is no change by itself. Of services that either plan makes.

    Parameters
    ----------
    problem
        What both were made for.
    plan, other
        The plans, with the same teams.
    """
    one, two = _places_in_order(problem, plan), _places_in_order(problem, other)
    services = one.keys() | two.keys()
    if not services:
        return Changes(0.0, 0.0)
    nobody = (-1, None)
    moved = [service for service in services if one.get(service, nobody)[0] != two.get(service, nobody)[0]]
    reordered = [service for service in services if one.get(service, nobody) != two.get(service, nobody)]
    return Changes(len(moved) / len(services), len(reordered) / len(services))


def _places_in_order(problem: PatrolProblem, plan: PatrolPlan) -> dict[_Service, tuple[int, _Service | None]]:
    """Return for each service its team, and the service before it."""
    result: dict[_Service, tuple[int, _Service | None]] = {}
    for route in plan.routes:
        before: _Service | None = None
        for service in _services(problem, route):
            result[service] = (route.team, before)
            before = service
    return result


def _services(problem: PatrolProblem, route: Route) -> Iterator[_Service]:
    for step in route.steps:
        if _is_service(step):
            is_both = step.edge >= 0 and problem.rule(step.edge).direction == "both"
            yield step.edge, step.visit, step.number, step.forward if is_both else None


def _is_service(step: Step) -> bool:
    return step.serves or step.visit >= 0


def _steps(plan: PatrolPlan) -> Iterator[Step]:
    return (step for route in plan.routes for step in route.steps)
