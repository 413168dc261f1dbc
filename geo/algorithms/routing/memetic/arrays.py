"""What kernels work on: links between tasks with all modes side by side, and the routes of one solution."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.routing.memetic.problem import ArcRoutingProblem, Floats, Ints
from geo.errors import ParameterError

UNREACHABLE = 1e12
"""Stands for inf in kernels, so that sums stay comparable."""
_MOST_BYTES = 6 * 2**30
_LANDMARKS = 800
_WIDE = 100


class Arrays(NamedTuple):
    """A problem for kernels; never changed.

    Vehicles that are alike are a *group*. A group's depot counts as task ``tasks + group`` of both modes alike.

    Attributes
    ----------
    link
        Duration from the end of task i in mode a to the end of task j in mode b (way and service), at
        ``[(class * nodes + i) * nodes + j, 2 * a + b]``, nodes = tasks + groups.
    service
        Least duration of serving a task over its modes, shape (classes, tasks + groups).
    demand
        Shape (tasks + groups,).
    group
        Group of each vehicle.
    row
        First row of a group's class in ``link``, by nodes: ``class * nodes``.
    klass, capacity, limit
        Class, capacity and longest duration of each group.
    forbidden
        1 where a group may not serve a task, shape (groups, tasks + groups).
    masked
        Whether anything is forbidden, shape (1,).
    near, wide
        Nearest tasks of each task, nearest first, shape (tasks, width); ``wide`` has more of them.
    plane
        Tasks laid out in the plane around the mean depot so that distances are roughly kept, shape (tasks, 2).
    """

    link: Floats
    service: Floats
    demand: Floats
    group: Ints
    row: Ints
    klass: Ints
    capacity: Floats
    limit: Floats
    forbidden: Floats
    masked: NDArray[np.bool_]
    near: NDArray[np.int64]
    wide: NDArray[np.int64]
    plane: Floats


class Routes(NamedTuple):
    """Routes of one solution, one row per vehicle, with what moves need to be evaluated in constant time.

    Attributes
    ----------
    seq
        Tasks in order at positions 1 … size; the depot at 0 and size + 1.
    size
        Number of tasks of each route.
    vec
        At ``[route, position]`` twelve durations, two (one per mode) of each of the first eight: 0–1 from the start to the
        end of this task, 2–3 from the end of this task to the end of the route, 4–5 from the end of this task back
        through all before it and to the end, 6–7 from the start through all after it, last first, to the end of this
        task; 8–11 of the route without the next 0 … 3 tasks.
    carried
        Load up to and with each position.
    duration, load, wrong, value
        Of each route; ``wrong`` counts tasks that the vehicle may not serve, ``value`` is the penalised duration.
    where, place
        Route and position of each task.
    """

    seq: NDArray[np.int64]
    size: Ints
    vec: Floats
    carried: Floats
    duration: Floats
    load: Floats
    wrong: Floats
    value: Floats
    where: NDArray[np.int64]
    place: NDArray[np.int64]


def arrays_of(problem: ArcRoutingProblem, near: int) -> Arrays:
    """Return a problem for kernels, with ``near`` neighbours of each task.

    Raises
    ------
    ParameterError
        The links would not fit into memory; the problem must be partitioned.
    """
    groups, group = _groups(problem)
    tasks, classes = problem.tasks, problem.distance.shape[0]
    nodes = tasks + len(groups)
    if classes * nodes**2 * 32 > _MOST_BYTES:
        raise ParameterError("{tasks} tasks are too many for one routing problem; partition it.", tasks=tasks)
    first = np.array(groups, dtype=np.int64)
    entry = np.concatenate([problem.entry, np.repeat(problem.end[first], 2).reshape(-1, 2)])
    leave = np.concatenate([problem.exit, np.repeat(problem.start[first], 2).reshape(-1, 2)])
    service = np.concatenate([problem.service, np.zeros((classes, len(groups), 2))], axis=1)
    way = problem.distance[:, leave[:, None, :, None], entry[None, :, None, :]]
    link = np.minimum(way + service[:, None, :, None, :], UNREACHABLE).reshape(-1, 4)
    forbidden = np.zeros((len(groups), nodes))
    if problem.allowed is not None:
        forbidden[:, :tasks] = ~problem.allowed[:, first].T
    wide = _near(way[:, :tasks, :tasks], max(near, _WIDE))
    return Arrays(
        link=np.ascontiguousarray(link),
        service=np.minimum(service.min(axis=2), UNREACHABLE),
        demand=np.concatenate([problem.demand, np.zeros(len(groups))]).astype(np.float64),
        group=group,
        row=problem.vehicle_class[first] * nodes,
        klass=problem.vehicle_class[first],
        capacity=problem.capacity[first].astype(np.float64),
        limit=problem.max_duration[first].astype(np.float64),
        forbidden=forbidden,
        masked=np.array([bool(forbidden.any())]),
        near=np.ascontiguousarray(wide[:, :near]),
        wide=wide,
        plane=_plane(way, tasks),
    )


def _groups(problem: ArcRoutingProblem) -> tuple[list[int], Ints]:
    """Return the first vehicle of each group and each vehicle's group."""
    first: dict[tuple[object, ...], int] = {}
    group = np.empty(problem.vehicles, dtype=np.int64)
    members: list[int] = []
    for vehicle in range(problem.vehicles):
        mask = b"" if problem.allowed is None else problem.allowed[:, vehicle].tobytes()
        key = (
            int(problem.vehicle_class[vehicle]),
            int(problem.start[vehicle]),
            int(problem.end[vehicle]),
            float(problem.capacity[vehicle]),
            float(problem.max_duration[vehicle]),
            mask,
        )
        if key not in first:
            first[key] = len(members)
            members.append(vehicle)
        group[vehicle] = first[key]
    return members, group


def _near(way: Floats, width: int) -> NDArray[np.int64]:
    """Return the nearest tasks of each task: by the shortest way between any of their modes, ties by the mean of all."""
    tasks = way.shape[1]
    capped = np.minimum(way, UNREACHABLE).min(axis=0).reshape(tasks, tasks, 4)
    least, mean = capped.min(axis=2), capped.mean(axis=2)
    closeness = np.minimum(least, least.T) + 1e-3 * (mean + mean.T)
    np.fill_diagonal(closeness, np.inf)
    width = max(0, min(width, tasks - 1))
    order = np.argsort(closeness, axis=1, kind="stable")[:, :width]
    return np.ascontiguousarray(order.astype(np.int64))


def _plane(way: Floats, tasks: int) -> Floats:
    """Return classical scaling (Torgerson 1952) of the mean distances into two dimensions, relative to the depots."""
    mean = np.minimum(way, UNREACHABLE).mean(axis=0)
    mean = mean.reshape(*mean.shape[:2], -1).mean(axis=2)
    squared = np.minimum((mean + mean.T) / 2, np.median(mean) * 10) ** 2
    centred = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    number = min(len(mean), _LANDMARKS)
    values, vectors = np.linalg.eigh(-centred / 2) if len(mean) <= number else _sketch(-centred / 2)
    flat = np.zeros((len(mean), 2))
    width = min(2, len(values))
    flat[:, :width] = vectors[:, -width:] * np.sqrt(np.maximum(values[-width:], 0.0))
    return np.ascontiguousarray(flat[:tasks] - flat[tasks:].mean(axis=0))


def _sketch(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the two leading eigenpairs of a symmetric matrix by subspace iteration."""
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(len(matrix), 4)))[0]
    for _ in range(30):
        basis = np.linalg.qr(matrix @ basis)[0]
    values, turn = np.linalg.eigh(basis.T @ matrix @ basis)
    return values, basis @ turn


def empty_routes(arrays: Arrays) -> Routes:
    """Return space for the routes of one solution."""
    tasks = arrays.near.shape[0]
    vehicles = len(arrays.group)
    return Routes(
        seq=np.zeros((vehicles, tasks + 2), dtype=np.int64),
        size=np.zeros(vehicles, dtype=np.int64),
        vec=np.zeros((vehicles, tasks + 2, 12)),
        carried=np.zeros((vehicles, tasks + 2)),
        duration=np.zeros(vehicles),
        load=np.zeros(vehicles),
        wrong=np.zeros(vehicles),
        value=np.zeros(vehicles),
        where=np.zeros(tasks, dtype=np.int64),
        place=np.zeros(tasks, dtype=np.int64),
    )
