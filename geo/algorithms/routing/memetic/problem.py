"""Arc and node routing as plain arrays: tasks with modes, terminals, teams."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geo.errors import ParameterError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Objective = Literal["total", "min-max"]

_MESSAGE = "The routing arrays do not fit together: {reason}."


def _require(condition: bool | np.bool_, reason: str) -> None:
    if not condition:
        raise ParameterError(_MESSAGE, reason=reason)


@dataclass(frozen=True, eq=False)
class ArcRoutingProblem:
    """Tasks that vehicles serve once each, in one of two modes.

    A mode is a way to serve a task: an orientation of a street, or an approach to a point. A task with one mode repeats
    it. Modes begin and end at *terminals*; these index the distance matrices and need not be street nodes (with turn
    penalties each mode has terminals of its own). Neither symmetry nor the triangle inequality is assumed.

    Attributes
    ----------
    distance
        Duration (or cost) from terminal to terminal, shape (classes, terminals, terminals); inf where there is no way.
    entry, exit
        Terminal where a mode begins and ends, shape (tasks, 2).
    service
        Duration (or cost) of serving, shape (classes, tasks, 2); inf where a class cannot.
    demand
        Load of a task, shape (tasks,).
    vehicle_class
        Class of a vehicle (foot, bicycle, car …), shape (vehicles,).
    start, end
        Terminals where a vehicle begins and ends, shape (vehicles,).
    capacity, max_duration
        Limits of a vehicle, shape (vehicles,); inf for none.
    allowed
        Whether a vehicle may serve a task, shape (tasks, vehicles); None when every one may.
    objective
        ``total``: the sum of all durations. ``min-max``: the longest duration, then the sum.

    Raises
    ------
    ParameterError
        Shapes do not fit, an index is out of range, or a number is negative or NaN.
    """

    distance: Floats
    entry: Ints
    exit: Ints
    service: Floats
    demand: Floats
    vehicle_class: Ints
    start: Ints
    end: Ints
    capacity: Floats
    max_duration: Floats
    allowed: NDArray[np.bool_] | None = None
    objective: Objective = "total"

    def __post_init__(self) -> None:
        classes, terminals = self.distance.shape[0], self.distance.shape[-1]
        tasks, vehicles = len(self.demand), len(self.vehicle_class)
        _require(self.distance.shape == (classes, terminals, terminals), "distance must be (classes, n, n)")
        _require(self.entry.shape == self.exit.shape == (tasks, 2), "entry and exit must be (tasks, 2)")
        _require(self.service.shape == (classes, tasks, 2), "service must be (classes, tasks, 2)")
        _require(vehicles > 0, "there must be a vehicle")
        for name in ("start", "end", "capacity", "max_duration"):
            _require(getattr(self, name).shape == (vehicles,), f"{name} must be (vehicles,)")
        for name in ("entry", "exit", "start", "end"):
            index = getattr(self, name)
            _require(bool(np.all((index >= 0) & (index < terminals))), f"{name} must name terminals")
        index = self.vehicle_class
        _require(bool(np.all((index >= 0) & (index < classes))), "vehicle_class must name classes")
        for name in ("distance", "service", "demand", "capacity", "max_duration"):
            _require(bool(np.all(getattr(self, name) >= 0)), f"{name} must not be negative or NaN")
        _require(self.allowed is None or self.allowed.shape == (tasks, vehicles), "allowed must be (tasks, vehicles)")
        _require(self.objective in ("total", "min-max"), "objective must be total or min-max")

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return len(self.demand)

    @property
    def vehicles(self) -> int:
        """Number of vehicles."""
        return len(self.vehicle_class)

    @cached_property
    def resolution(self) -> float:
        """Smallest difference that counts: 1 when all durations are whole numbers, else a 10,000th of their scale."""
        finite = [values[np.isfinite(values)] for values in (self.distance, self.service)]
        if all(bool(np.all(values == np.round(values))) for values in finite):
            return 1.0
        return 1e-4 * max(float(values.max(initial=0.0)) for values in finite)


def homogeneous(
    distance: Floats,
    entry: Ints,
    exit_: Ints,
    service: Floats,
    demand: Floats,
    *,
    depot: int,
    vehicles: int,
    capacity: float = np.inf,
    objective: Objective = "total",
) -> ArcRoutingProblem:
    """Return a problem of equal vehicles at one depot, from one distance matrix (n, n) and services (tasks, 2)."""
    return ArcRoutingProblem(
        distance=np.ascontiguousarray(distance, dtype=np.float64)[None],
        entry=np.asarray(entry, dtype=np.int64),
        exit=np.asarray(exit_, dtype=np.int64),
        service=np.asarray(service, dtype=np.float64)[None],
        demand=np.asarray(demand, dtype=np.float64),
        vehicle_class=np.zeros(vehicles, dtype=np.int64),
        start=np.full(vehicles, depot, dtype=np.int64),
        end=np.full(vehicles, depot, dtype=np.int64),
        capacity=np.full(vehicles, capacity, dtype=np.float64),
        max_duration=np.full(vehicles, np.inf, dtype=np.float64),
        objective=objective,
    )
