"""The search for good rounds: any-time, in chunks, from nothing or from given rounds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from geo.algorithms.routing.randomness import generator
from geo.algorithms.routing.rounds.arrays import NOWHERE, Crews, Jobs, Rounds, no_rounds
from geo.algorithms.routing.rounds.ruin import OPTIONAL_S, list_absent, new_room, objective, search
from geo.algorithms.routing.rounds.schedule import refresh

_CHUNK_S = 0.05
_STEPS = 200
"""Steps of a search that counts its iterations."""
_LONG_S = 3600.0
_HOT, _COLD = 0.1, 0.001
"""Temperature at the beginning and at the end, in services of mean length."""
_FIRST_EXPONENT, _LAST_EXPONENT, _LAST_SHARE = 24, 128, 0.4
"""Exponents of the power mean: the second, in the last part of the search, sees the longest round alone."""

Orders = list[list[tuple[int, int]]]
"""For each team its jobs in order, each with its mode."""


@dataclass(frozen=True)
class SearchParams:
    """How to search.

    Attributes
    ----------
    seconds
        Time at the most.
    iterations
        Iterations at the most; None leaves it to the clock.
    seed
        Same seed and iterations, same rounds.
    is_fair
        Whether the longest round is made short before the total; else the total alone.
    heat
        Factor of the temperature: a small one changes little of the given rounds.
    """

    seconds: float
    iterations: int | None = None
    seed: int = 1
    is_fair: bool = True
    heat: float = 1.0


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    orders
        Jobs of each team.
    lasts_s
        Durations.
    absent
        Jobs that nobody does.
    iterations, was_stopped
        How many, and whether the user ended it.
    """

    orders: Orders
    lasts_s: list[float]
    absent: tuple[int, ...]
    iterations: int
    was_stopped: bool


def find_rounds(
    jobs: Jobs,
    crews: Crews,
    params: SearchParams,
    first: Sequence[Sequence[tuple[int, int]]] = (),
    goes_on: Callable[[float], bool] = lambda done: True,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Return good rounds.

    Parameters
    ----------
    jobs, crews
        The problem.
    params
        How to search.
    first
        Rounds to begin with; jobs that break a rule there are taken out.
    goes_on
        Told every moment which share of the search is done; False ends it.
    clock
        What the seconds are measured by.
    """
    compile_search()
    many, teams = len(jobs.prize_s), len(crews.kind)
    rounds, best = no_rounds(many, teams), no_rounds(many, teams)
    room = new_room(many, teams, no_rounds(many, teams))
    _begin(jobs, crews, rounds, first)
    list_absent(rounds, room)
    _copy(rounds, best)
    in_seconds = bool((jobs.prize_s <= OPTIONAL_S).any() or (jobs.outside_s > 0).any())
    state = generator(params.seed)
    usual_s = float(np.median(np.minimum(jobs.serve_s.min(axis=(0, 2)), _LONG_S))) if many else 0.0
    steps = _Clock(params, goes_on, clock)
    phases = ((1.0 - _LAST_SHARE, _FIRST_EXPONENT), (1.0, _LAST_EXPONENT)) if params.is_fair else ((1.0, 1),)
    for until, exponent in phases:
        scale_s = _scale_s(jobs, rounds, teams)
        values = np.full(2, float(objective(jobs, rounds, room, exponent, scale_s)))
        while many and (step := steps.next_step(until)):
            heat = usual_s * params.heat * _HOT * (_COLD / _HOT) ** steps.done
            search(jobs, crews, rounds, best, room, values, exponent, scale_s, heat, step, in_seconds, state)
        _copy(best, rounds)
        list_absent(rounds, room)
    orders = [
        [(int(best.order[team, place]), int(best.mode[team, place])) for place in range(best.size[team])]
        for team in range(teams)
    ]
    absent = tuple(np.flatnonzero(best.team == NOWHERE).tolist())
    return Found(orders, best.lasts_s.tolist(), absent, steps.count, steps.was_stopped)


@cache
def compile_search() -> None:
    """Load the compiled code, or compile it, which takes half a minute once on a machine."""
    jobs = Jobs(
        np.zeros((1, 2), dtype=np.int32),
        np.zeros((1, 2), dtype=np.int32),
        np.ones((1, 1, 2)),
        np.ones(1, dtype=bool),
        np.zeros(2, dtype=np.int64),
        np.empty(0),
        np.empty(0),
        np.ones(1),
        np.ones((1, 1), dtype=bool),
        np.zeros((1, 1)),
        np.empty((1, 0), dtype=np.int32),
        np.zeros((1, 1, 1), dtype=np.float32),
    )
    node, number, one, none = np.zeros(1, dtype=np.int32), np.zeros(1, dtype=np.int64), np.ones(1), np.empty(0)
    crews = Crews(number, node, node, 0 * one, one, one, 0 * one, np.zeros(2, dtype=np.int64), none, none, none)
    rounds = no_rounds(1, 1)
    room = new_room(1, 1, no_rounds(1, 1))
    list_absent(rounds, room)
    refresh(jobs, crews, rounds, 0)
    values = np.full(2, float(objective(jobs, rounds, room, 1, 1.0)))
    search(jobs, crews, rounds, no_rounds(1, 1), room, values, 1, 1.0, 0.0, 1, False, generator(1))


class _Clock:
    """Hands out iterations in steps that take a moment, until the time or the iterations are used up."""

    def __init__(self, params: SearchParams, goes_on: Callable[[float], bool], clock: Callable[[], float]) -> None:
        self._params, self._goes_on, self._clock = params, goes_on, clock
        self._begun = self._at = clock()
        self._size = 0
        self.count, self.done, self.was_stopped = 0, 0.0, False

    def next_step(self, until: float) -> int:
        """Return how many iterations come next; 0 when this share of the search is done, or the user ended it."""
        now, limit = self._clock(), self._params.iterations
        used = (now - self._begun) / self._params.seconds
        counted = 0.0 if limit is None else self.count / limit
        self.done = min(1.0, used if limit is None or used >= 1 else counted)
        if self.count:
            self.was_stopped = self.was_stopped or not self._goes_on(self.done)
        if self.was_stopped or self.done >= until:
            return 0
        if limit is not None:
            self._size = min(max(1, limit // _STEPS), math.ceil(until * limit) - self.count)
        else:
            pace = self._size / max(now - self._at, 1e-6)
            self._size = 1 if not self._size else max(1, min(2 * self._size, int(pace * _CHUNK_S)))
        self._at = now
        self.count += self._size
        return self._size


def _begin(jobs: Jobs, crews: Crews, rounds: Rounds, first: Sequence[Sequence[tuple[int, int]]]) -> None:
    """Enter given rounds; from one that breaks a rule jobs are taken, from its end, until it keeps all."""
    for team in range(len(crews.kind)):
        order = first[team] if team < len(first) else ()
        kept = [(job, mode) for job, mode in order if jobs.allowed[job, team]]
        while True:
            rounds.size[team] = len(kept)
            for place, (job, mode) in enumerate(kept):
                rounds.order[team, place], rounds.mode[team, place] = job, mode
            if refresh(jobs, crews, rounds, team) or not kept:
                break
            job, _ = kept.pop()
            rounds.team[job] = NOWHERE


def _scale_s(jobs: Jobs, rounds: Rounds, teams: int) -> float:
    """Return about how long a round will last, s."""
    work = jobs.serve_s.min(axis=(0, 2))
    return max(float(rounds.lasts_s.max(initial=0.0)), float(work[np.isfinite(work)].sum()) / teams, 1.0)


def _copy(source: Rounds, into: Rounds) -> None:
    one: Any
    other: Any
    for one, other in zip(source, into, strict=True):
        other[...] = one
