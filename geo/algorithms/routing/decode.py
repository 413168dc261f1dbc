"""From the rounds of a search back to walks on the streets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from geo.algorithms.routing.encode import Encoded, Task
from geo.algorithms.routing.rounds.arrays import NOWHERE
from geo.algorithms.routing.terminals import Ways
from geo.model.patrol import PatrolProblem
from geo.model.plan import Route, Step, Unserved

NO_TIME = "The shifts of the teams that can go there are too short to serve this as well."
NOT_WORTH = "It is optional, and costs more time than its prize."

Order = Sequence[tuple[int, int]]
"""Jobs with their modes."""


def decode(problem: PatrolProblem, encoded: Encoded, orders: Sequence[Order]) -> list[Route]:
    """Return the walk of each team, each way between two services a fastest one.

    Parameters
    ----------
    problem, encoded
        The problem and its arrays.
    orders
        Jobs of each team in order, each with its mode.
    """
    routes = []
    for team, order in enumerate(orders):
        if not order and not problem.teams[team].spent_s:
            start_s = problem.teams[team].shift_start_s
            routes.append(Route(team, start_s, start_s, ()))
            continue
        walk = _Walk(problem, encoded, team, order)
        delay_s = walk.run(0.0)
        if delay_s > 0:
            walk = _Walk(problem, encoded, team, order)
            walk.run(delay_s)
        routes.append(walk.route())
    return routes


def list_unserved(problem: PatrolProblem, encoded: Encoded, absent: Sequence[int]) -> tuple[Unserved, ...]:
    """Return what jobs that nobody does leave out, and why."""
    result = []
    for job in absent:
        task = encoded.tasks[job]
        prize_s = problem.visits[task.visit].prize_s if task.visit >= 0 else problem.rule(task.edge).prize_s
        reason = encoded.reasons.get(job, NO_TIME if prize_s is None else NOT_WORTH)
        forward = None if task.visit >= 0 or task.both else task.forward
        result.append(Unserved(reason, task.edge, forward, task.visit, task.number, prize_s is None))
    return tuple(result)


class _Walk:
    """A route under construction; keeps the rules of the search for breaks and waiting."""

    def __init__(self, problem: PatrolProblem, encoded: Encoded, team: int, order: Order) -> None:
        self._problem, self._encoded, self._team, self._order = problem, encoded, team, order
        crew = problem.teams[team]
        self._ways: Ways = encoded.ways[encoded.modes.index(crew.mode)]
        self._serve_s = problem.serve_times_s(crew.mode, crew.patrol_speed_mps)
        self._time_s = self._ways.arcs.time_s
        self._steps: list[Step] = []
        self._clock = self._start_s = crew.shift_start_s
        self._arc: int | None = None
        self._rests = list(crew.breaks)
        self._delay_s = 0.0 if crew.spent_s else None

    def run(self, delay_s: float) -> float:
        """Walk the whole round; return how much later the team may leave without being later anywhere."""
        self._clock = self._start_s = self._start_s + delay_s
        jobs, crews = self._encoded.jobs, self._encoded.crews
        here = int(crews.start[self._team])
        stations = [
            *((int(jobs.entry[job, mode]), int(jobs.leave[job, mode])) for job, mode in self._order),
            (int(crews.end[self._team]),) * 2,
        ]
        befores = [here, *(leave for _, leave in stations[:-1])]
        pairs = [
            (one, other[0]) for one, other in zip(befores, stations, strict=True) if NOWHERE not in (one, other[0])
        ]
        ways = self._ways.between(pairs)
        for number, (before, (entry, _)) in enumerate(zip(befores, stations, strict=True)):
            way = ways.get((before, entry), [])
            job = self._order[number] if number < len(self._order) else None
            self._rest_before(way, job)
            for arc in way:
                self._drive(arc, float(self._time_s[arc]), serves=False)
            if job is not None:
                self._serve(self._encoded.tasks[job[0]], job[1])
        return self._delay_s or 0.0

    def _rest_before(self, way: list[int], job: tuple[int, int] | None) -> None:
        """Take the breaks that are due before the next way and service."""
        serves = 0.0
        if job is not None:
            kind = int(self._encoded.crews.kind[self._team])
            serves = float(self._encoded.jobs.serve_s[kind, job[0], job[1]])
        leg = sum(float(self._time_s[arc]) for arc in way)
        chain = [*([] if self._arc is None else [self._arc]), *way]
        if job is not None and self._encoded.tasks[job[0]].edge >= 0:
            chain.append(self._served_arc(self._encoded.tasks[job[0]], job[1]))
        leg += sum(self._ways.turn_s(one, other) for one, other in pairwise(chain))
        first = int(self._encoded.crews.break_first[self._team])
        closes = self._encoded.crews.rest_closes_s
        while self._rests:
            rest = self._rests[0]
            starts = self._clock + leg
            if job is not None:
                starts = max(starts, self._opens(self._encoded.tasks[job[0]], starts))
            latest = float(closes[first + len(self._problem.teams[self._team].breaks) - len(self._rests)])
            if self._clock < rest.earliest_s and starts + serves <= latest:
                return
            begins = max(self._clock, rest.earliest_s)
            self._steps.append(Step(begins, begins + rest.duration_s))
            self._clock = begins + rest.duration_s
            self._delay_s = self._delay_s or 0.0
            self._rests.pop(0)

    def _served_arc(self, task: Task, mode: int) -> int:
        return self._ways.arc(task.edge, task.forward != bool(mode))

    def _serve(self, task: Task, mode: int) -> None:
        if task.visit < 0:
            arc = self._served_arc(task, mode)
            if self._arc is not None:
                self._clock += self._ways.turn_s(self._arc, arc)
                self._arc = None
            self._wait(task)
            self._drive(arc, float(self._serve_s[task.edge]), serves=True, number=task.number)
            return
        self._wait(task)
        end_s = self._clock + self._problem.visits[task.visit].total_s
        self._steps.append(Step(self._clock, end_s, visit=task.visit, number=task.number))
        self._clock, self._arc = end_s, None

    def _wait(self, task: Task) -> None:
        """Wait until the first window that is not over; note how much later the team could leave instead."""
        if not task.windows:
            return
        wait_s = max(0.0, self._opens(task, self._clock) - self._clock)
        if self._delay_s is None:
            self._delay_s = wait_s
        self._clock += wait_s

    @staticmethod
    def _opens(task: Task, arrives_s: float) -> float:
        """Return when the first window opens that is not over then."""
        return next((opens_s for opens_s, closes_s in task.windows if closes_s >= arrives_s), arrives_s)

    def _drive(self, arc: int, seconds: float, *, serves: bool, number: int = 0) -> None:
        if self._arc is not None:
            self._clock += self._ways.turn_s(self._arc, arc)
        edge, forward = int(self._ways.arcs.edge[arc]), bool(self._ways.arcs.forward[arc])
        self._steps.append(Step(self._clock, self._clock + seconds, edge, forward, serves, number=number))
        self._clock += seconds
        self._arc = arc

    def route(self) -> Route:
        """Return what was walked."""
        return Route(self._team, self._start_s, self._clock, tuple(self._steps))
