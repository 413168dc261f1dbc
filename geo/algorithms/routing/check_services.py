"""Which services a plan makes: each once or listed as left out, by whom, and when. Shares no code with the solver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from geo.model.patrol import DAY_S, PatrolProblem, Team, Visit
from geo.model.plan import Step, Unserved

TOLERANCE_S = 1e-3

Service = tuple[int, bool | None, int]
"""Segment (-1 for a visit), its wanted direction (None: either), and visit (-1 for a segment)."""

_DIRECTIONS = {None: "", True: " forward", False: " backward"}


@dataclass(frozen=True)
class Asked:
    """A service that is asked for, and its rules."""

    label: str
    times: int
    min_gap_s: float
    max_gap_s: float
    skills: frozenset[str]
    area: int
    is_required: bool
    visit: Visit | None = None


@dataclass(frozen=True)
class Made:
    """A service as made."""

    number: int
    start_s: float
    team: Team
    label: str


def list_asked(problem: PatrolProblem) -> Iterator[tuple[Service, Asked]]:
    """Yield all services that a problem asks for, each with its rules."""
    wanted: dict[str, tuple[bool | None, ...]] = {
        "either": (None,),
        "both": (True, False),
        "forward": (True,),
        "backward": (False,),
    }
    for edge in problem.required_edges:
        rule = problem.rule(edge)
        area = -1 if problem.edge_areas is None else int(problem.edge_areas[edge])
        for forward in wanted[rule.direction]:
            label = f"segment {edge}{_DIRECTIONS[forward]}"
            gaps = rule.min_gap_s, rule.max_gap_s
            yield (edge, forward, -1), Asked(label, rule.times, *gaps, rule.skills, area, rule.prize_s is None)
    for number, visit in enumerate(problem.visits):
        times = visit.times * len(visit.windows) if visit.each_window and visit.windows else visit.times
        gaps = visit.min_gap_s, visit.max_gap_s
        label = f"visit {number} '{visit.name}'"
        is_required = visit.prize_s is None
        yield (-1, None, number), Asked(label, times, *gaps, visit.skills, visit.area, is_required, visit)


def service_of(problem: PatrolProblem, step: Step) -> Service:
    """Return which service a step claims to make, asked for or not."""
    if step.visit >= 0:
        return (-1, None, step.visit)
    either = problem.rule(step.edge).direction == "either"
    return (step.edge, None if either else step.forward, -1)


def name_service(service: Service) -> str:
    """Return what errors call a service, asked for or not."""
    edge, forward, visit = service
    return f"visit {visit}" if edge < 0 else f"segment {edge}{_DIRECTIONS[forward]}"


def check_services(
    asked: dict[Service, Asked], made: dict[Service, list[Made]], unserved: tuple[Unserved, ...]
) -> Iterator[str]:
    """Yield what was not asked for, what is made or listed twice, and what is neither made nor listed."""
    left_out: dict[tuple[Service, int], list[Unserved]] = defaultdict(list)
    for one in unserved:
        left_out[(one.edge, one.forward, one.visit), one.number].append(one)
    times_made: dict[tuple[Service, int], int] = defaultdict(int)
    for service, found in made.items():
        for one_made in found:
            times_made[service, one_made.number] += 1
    for service, number in dict.fromkeys([*times_made, *left_out]):
        verb = "is served" if (service, number) in times_made else "is listed as left out"
        if service not in asked:
            yield f"{name_service(service)} {verb} but not asked for"
        elif not 0 <= number < asked[service].times:
            yield f"{asked[service].label}: repetition {number} {verb}, asked for are {asked[service].times}"
    for service, one_asked in asked.items():
        for number in range(one_asked.times):
            label = one_asked.label if one_asked.times == 1 else f"{one_asked.label}, repetition {number},"
            count, listed = times_made[service, number], left_out[service, number]
            if count > 1:
                yield f"{label} is served {count} times"
            if not count and not listed:
                yield f"{label} is neither served nor listed as left out"
            if listed:
                yield from _check_listed(label, one_asked, count, listed)


def _check_listed(label: str, asked: Asked, count: int, listed: list[Unserved]) -> Iterator[str]:
    if count:
        yield f"{label} is served but listed as left out"
    if len(listed) > 1:
        yield f"{label} is listed as left out {len(listed)} times"
    if any(one.is_required != asked.is_required for one in listed):
        wrong, right = ("optional", "required") if asked.is_required else ("required", "optional")
        yield f"{label} is listed as {wrong}, but it is {right}"
    if any(not one.reason for one in listed):
        yield f"{label} is left out without a reason"


def check_rules(asked: Asked, made: list[Made]) -> Iterator[str]:
    """Yield who may not make a service, and which gaps and windows of repetitions are not kept."""
    for one in made:
        if missing := sorted(asked.skills - one.team.skills):
            yield f"{one.label}: the team lacks the skills for {asked.label}: {', '.join(missing)}"
        if one.team.is_area_hard and one.team.areas and asked.area not in one.team.areas:
            yield f"{one.label}: {asked.label} lies in area {asked.area}, outside those of the team"
    yield from _check_gaps(asked, made)
    visit = asked.visit
    if visit is not None and visit.each_window:
        room = [visit.times] * len(visit.windows)
        for start_s in sorted(one.start_s for one in made):
            # of the windows that are open, the one that closes first: that leaves the most to those who come later
            fitting = [k for k, window in enumerate(visit.windows) if room[k] and is_within(start_s, window)]
            if fitting:
                room[min(fitting, key=lambda k: visit.windows[k][1])] -= 1
            elif any(is_within(start_s, window) for window in visit.windows):
                yield f"{asked.label} starts at {start_s:.1f} s, in a window that is already served"


def _check_gaps(asked: Asked, made: list[Made]) -> Iterator[str]:
    if asked.min_gap_s <= 0 and asked.max_gap_s == float("inf"):
        return
    ordered = sorted(made, key=lambda one: one.number)
    for one, after in pairwise(ordered):
        gap_s, most_s = after.start_s - one.start_s, (after.number - one.number) * asked.max_gap_s
        pair = f"{asked.label}: repetition {after.number} ({after.label}) starts {gap_s:.1f} s after {one.number}"
        if not gap_s >= asked.min_gap_s - TOLERANCE_S:
            yield f"{pair}, at least {asked.min_gap_s:.1f} s are asked for"
        if not gap_s <= most_s + TOLERANCE_S and after.number > one.number:
            yield f"{pair}, at most {most_s:.1f} s are allowed"


def is_within(moment_s: float, window: tuple[float, float]) -> bool:
    """Return whether a moment of the shift lies in a window, of the day or of the next one."""
    opens_s, closes_s = window
    return any(opens_s - TOLERANCE_S <= moment_s - day <= closes_s + TOLERANCE_S for day in (0.0, DAY_S))
