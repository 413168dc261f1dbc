"""Search for routes: any-time, in chunks, from scratch or from given routes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from geo.algorithms.routing.memetic.arrays import UNREACHABLE, Arrays, arrays_of, empty_routes
from geo.algorithms.routing.memetic.education import desk_for
from geo.algorithms.routing.memetic.evolution import (
    BARREN,
    STEPS,
    Search,
    anneal,
    begin_evolution,
    begin_with,
    educate_best,
    evolve,
    take_best,
)
from geo.algorithms.routing.memetic.paths import LOAD, best_modes
from geo.algorithms.routing.memetic.population import LONGEST, MISPLACED, OVERLOAD, OVERTIME, SUM, empty_population
from geo.algorithms.routing.memetic.problem import ArcRoutingProblem, Floats, homogeneous
from geo.algorithms.routing.memetic.ruin import ruin_for
from geo.algorithms.routing.randomness import generator
from geo.errors import CancelledError, ParameterError
from geo.model.progress import Progress, ignore_progress

_CHUNK_S = 0.05
HOT, COLD = 1e-3, 1e-5
"""First and last temperature of ruin and recreate, as shares of the total."""
_PATIENCE = 10_000
"""Iterations without a shorter total after which a search whose longest duration is at its bound ends."""


@dataclass(frozen=True)
class MemeticParams:
    """How to search.

    Attributes
    ----------
    seconds
        Time limit; None leaves it to ``iterations``.
    iterations
        Iterations at the most; None leaves it to the clock.
    seed
        Same seed and same number of iterations, same routes.
    near
        Neighbours of each task that moves bring together.
    bound
        Lower bound of the objective (of the longest duration for min-max); the search ends when it is reached and, for
        min-max, when the total has not got shorter for a while.
    annealing
        Share of the limit, 0–1, that is spent on ruin and recreate before evolution; None chooses by the number of
        tasks. Measured at 20 s: with 100 tasks both are equal, with 200 and 400 ruin and recreate is 0.5 % and 1.7 %
        better; for min-max evolution alone is best.

    Raises
    ------
    ParameterError
        A number is out of its range, or there is neither a time limit nor one of iterations.
    """

    seconds: float | None = 10.0
    iterations: int | None = None
    seed: int = 1
    near: int = 20
    bound: float = 0.0
    annealing: float | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.iterations is None:
            raise ParameterError("A routing search needs a limit of time or of iterations.")
        if self.near < 1 or (self.seconds or 0.0) < 0 or (self.iterations or 0) < 0 or not self.bound >= 0:
            raise ParameterError("Parameters of the routing search must not be negative.")
        if not 0 <= (self.annealing or 0.0) <= 1:
            raise ParameterError("Shares of the routing search must lie between 0 and 1.")


@dataclass(frozen=True)
class MemeticResult:
    """Routes found.

    Attributes
    ----------
    routes
        Tasks of each vehicle in order.
    modes
        Mode of each of them.
    durations
        Duration (or cost) of each vehicle.
    feasible
        Whether all capacities, limits and masks are kept and every way exists.
    iterations
        Solutions educated.
    stopped_early
        Whether progress asked to stop.
    history
        Seconds, longest and total duration at each improvement.
    """

    routes: list[list[int]]
    modes: list[list[int]]
    durations: list[float]
    feasible: bool
    iterations: int
    stopped_early: bool
    history: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Sum of durations."""
        return float(sum(self.durations))

    @property
    def longest(self) -> float:
        """Longest duration."""
        return max(self.durations, default=0.0)


def _first_weights(arrays: Arrays, *, longest_first: bool) -> Floats:
    """Return the weights that a search begins with; they adapt."""
    finite = arrays.link[arrays.link < UNREACHABLE]
    scale = max(float(finite.max(initial=0.0)), 1e-9)
    demand = max(float(arrays.demand.max(initial=0.0)), 1e-9)
    load = min(max(scale / demand, 0.1), 1000.0)
    return np.array([1.0, load, 10.0 if longest_first else 1.0, 50 * scale, np.inf])


def _search_for(problem: ArcRoutingProblem, arrays: Arrays, params: MemeticParams) -> Search:
    """Return a search at its beginning."""
    longest_first = problem.objective == "min-max"
    tasks = problem.tasks
    return Search(
        routes=empty_routes(arrays),
        pop=empty_population(arrays),
        weights=_first_weights(arrays, longest_first=longest_first),
        desk=desk_for(arrays),
        random=generator(params.seed),
        counts=np.zeros(6, dtype=np.int64),
        limits=np.array([100.0, problem.resolution if longest_first else 0.0, params.bound]),
        child=np.zeros(tasks, dtype=np.int64),
        values=np.zeros((tasks, tasks)),
    )


def solve_routing(
    problem: ArcRoutingProblem,
    params: MemeticParams,
    progress: Progress = ignore_progress,
    start: Sequence[Sequence[int]] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> MemeticResult:
    """Search for routes until a limit is reached; the answer is the best found.

    Parameters
    ----------
    problem
        What to serve, and by whom.
    params
        Limits and seed.
    progress
        Told the share of the limit that is used; when it raises :class:`geo.errors.CancelledError` the search ends and
        the best so far is returned with ``stopped_early``.
    start
        Routes to improve, tasks of each vehicle in order; the answer is never worse. Tasks that are missing are added.
    clock
        Seconds; for tests, and for measuring on a machine that is shared.

    Raises
    ------
    ParameterError
        ``start`` names a task twice or one that does not exist, or the problem is too large for memory.
    """
    begun = clock()
    if problem.tasks == 0:
        empty: list[list[int]] = [[] for _ in range(problem.vehicles)]
        return MemeticResult(empty, empty, [0.0] * problem.vehicles, True, 0, False)
    arrays = arrays_of(problem, params.near)
    search = _search_for(problem, arrays, params)
    if start is not None:
        _begin_with(problem, arrays, search, start)
    history: list[tuple[float, float, float]] = []
    limits = _Limits(params, search, progress, lambda: clock() - begun, history)
    if not _anneal(problem, arrays, search, limits):
        _evolve(arrays, search, limits)
    stopped = limits.cancelled
    return _result(problem, arrays, search, stopped, history)


def _begin_with(problem: ArcRoutingProblem, arrays: Arrays, search: Search, start: Sequence[Sequence[int]]) -> None:
    """Put given routes into the population, as they are and improved."""
    served = [int(task) for route in start for task in route]
    known = len(set(served)) == len(served) and all(0 <= task < problem.tasks for task in served)
    if not known or len(start) > problem.vehicles:
        raise ParameterError("The routing arrays do not fit together: {reason}.", reason="start must name tasks once")
    missing = sorted(set(range(problem.tasks)) - set(served))
    vehicle = np.repeat(np.arange(len(start)), [len(route) for route in start])
    tour = np.array(served, dtype=np.int64)
    begin_with(arrays, search, tour, vehicle.astype(np.int64), np.array(missing, dtype=np.int64))


@dataclass
class _Limits:
    """When to end, and how many iterations may run before the next look at the clock."""

    params: MemeticParams
    search: Search
    progress: Progress
    elapsed: Callable[[], float]
    history: list[tuple[float, float, float]]
    cancelled: bool = False
    _chunk: int = 1
    _pace: float = 0.0

    def share(self) -> float:
        """Return the share of the limits that is used."""
        of_time = self.elapsed() / self.params.seconds if self.params.seconds else 0.0
        of_iterations = int(self.search.counts[0]) / self.params.iterations if self.params.iterations else 0.0
        return max(of_time, of_iterations)

    def chunk(self, until: float) -> int:
        """Return how many iterations to run now; 0 when the share ``until`` is used or the search is to end."""
        done, begun = int(self.search.counts[0]), self.elapsed()
        seconds, iterations = self.params.seconds, self.params.iterations
        left = math.inf if seconds is None else seconds * until - begun
        room = math.inf if iterations is None else math.floor(iterations * until) - done
        first = not math.isfinite(self.search.pop.best_figures[SUM])
        if (left <= 0 and not first) or room <= 0 or _is_proven(self.search, self.params):
            return 0
        try:
            self.progress("Improving the routes", min(self.share(), 1.0))
        except CancelledError:
            if not first:
                self.cancelled = True
                return 0
        return int(max(1, min(self._chunk, room, left / self._pace if self._pace > 0 else 1)))

    def ran(self, chunk: int, begun: float) -> None:
        """Take down that a chunk has run since ``begun``, and what was found."""
        self._pace = max((self.elapsed() - begun) / chunk, 1e-9)
        self._chunk = max(1, min(self._chunk * 2, int(_CHUNK_S / self._pace)))
        figures = self.search.pop.best_figures
        found = (float(figures[LONGEST]), float(figures[SUM]))
        if not self.history or self.history[-1][1:] != found:
            self.history.append((self.elapsed(), *found))


def _anneal(problem: ArcRoutingProblem, arrays: Arrays, search: Search, limits: _Limits) -> bool:
    """Ruin and recreate for the share of the limits that is meant for it; returns whether the search is to end."""
    params = limits.params
    share = params.annealing
    if share is None:
        share = 0.0 if problem.objective == "min-max" else min(0.85, 0.4 + max(0, problem.tasks - 100) / 250)
    if share <= 0 or problem.tasks < 2:
        return False
    if limits.chunk(1.0) == 0:
        return True
    if math.isinf(search.pop.best_figures[SUM]):
        begun = limits.elapsed()
        evolve(arrays, search, 1)
        limits.ran(1, begun)
    take_best(arrays, search)
    ruin = ruin_for(arrays)
    total = max(float(search.pop.best_figures[SUM]), 1e-9)
    total = total if total < UNREACHABLE else 1.0
    factor = 1.0
    if params.seconds is None and params.iterations is not None:
        factor = (COLD / HOT) ** (1 / max(1.0, params.iterations * share * STEPS))
    heat = np.array([total * HOT, factor, 100 * search.weights[LOAD]])
    while (chunk := limits.chunk(share)) > 0:
        begun = limits.elapsed()
        if params.seconds is not None:
            heat[0] = total * HOT * (COLD / HOT) ** min(1.0, limits.share() / share)
        anneal(arrays, search, ruin, heat, chunk)
        limits.ran(chunk, begun)
    if limits.cancelled or limits.chunk(1.0) == 0:
        return True
    begin_evolution(search)
    educate_best(arrays, search)
    return False


def _evolve(arrays: Arrays, search: Search, limits: _Limits) -> None:
    """Evolve until a limit or the bound is reached."""
    while (chunk := limits.chunk(1.0)) > 0:
        begun = limits.elapsed()
        evolve(arrays, search, chunk)
        limits.ran(chunk, begun)


def _is_proven(search: Search, params: MemeticParams) -> bool:
    """Return whether the best solution reaches the bound; a longest duration at its bound may still lose total."""
    figures = search.pop.best_figures
    if params.bound <= 0 or figures[OVERLOAD] + figures[OVERTIME] + figures[MISPLACED] > 1e-6:
        return False
    if search.limits[1] > 0:
        return bool(figures[LONGEST] <= params.bound + 1e-6 and search.counts[BARREN] > _PATIENCE)
    return bool(figures[SUM] <= params.bound + 1e-6)


def _result(
    problem: ArcRoutingProblem, arrays: Arrays, search: Search, stopped: bool, history: list[tuple[float, float, float]]
) -> MemeticResult:
    """Return the best solution with its modes."""
    routes: list[list[int]] = [[] for _ in range(problem.vehicles)]
    for task, vehicle in zip(search.pop.best_tour, search.pop.best_vehicle, strict=True):
        routes[vehicle].append(int(task))
    modes, durations = [], []
    for route, group in zip(routes, arrays.group, strict=True):
        chosen = np.zeros(len(route), dtype=np.int64)
        durations.append(float(best_modes(arrays, group, np.array(route, dtype=np.int64), chosen)))
        modes.append(chosen.tolist())
    figures = search.pop.best_figures
    ways = sum(durations) < UNREACHABLE
    feasible = bool(figures[OVERLOAD] + figures[OVERTIME] + figures[MISPLACED] < 1e-6) and ways
    return MemeticResult(routes, modes, durations, feasible, int(search.counts[0]), stopped, history)


def compile_kernels() -> float:
    """Compile all kernels, or load them from the cache; returns the seconds it took."""
    begun = time.monotonic()
    line = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    ends = np.array([[0, 1], [1, 2], [2, 3]])
    problem = homogeneous(line, ends, ends[:, ::-1], np.ones((3, 2)), np.ones(3), depot=0, vehicles=2)
    solve_routing(problem, MemeticParams(seconds=None, iterations=4, annealing=0.5), start=[[0, 1]])
    return time.monotonic() - begun
