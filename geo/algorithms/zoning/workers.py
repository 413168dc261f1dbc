"""Processes and threads that share the work of unifying."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
_AHEAD = 2
"""Tasks handed to each further process at a time, so that it never waits."""
_PIECES_PER_THREAD = 8
_LEAST_PIECE = 64
"""A thread is not worth its start for fewer geometries."""


class Workers:
    """The present process and further ones.

    Parameters
    ----------
    count
        Processes that share the work, this one included.
    pool
        The further ones; None when there are none.
    """

    def __init__(self, count: int = 1, pool: ProcessPoolExecutor | None = None) -> None:
        self.count = count
        self._pool = pool
        self._started = [pool.submit(_load) for _ in range(count - 1)] if pool is not None else []

    def wait_until_started(self) -> None:
        """Return when the further processes can take tasks."""
        wait(self._started)

    def run(self, task: Callable[[_Task], _Result], tasks: Iterable[_Task]) -> Iterator[_Result]:
        """Yield the results of a function of the module level, in the order in which they come.

        The present process takes part; it hands tasks to the others once they have started. Tasks are taken from their
        iterator when somebody is free for them, so that they are made while the others work.
        """
        waiting = iter(tasks)
        given = list[_Task]()
        running = dict[Future[_Result], _Task]()
        try:
            while True:
                self._hand_out(task, waiting, given, running)
                mine = given.pop() if given else next(waiting, None)
                if mine is not None:
                    yield task(mine)
                elif not running:
                    return
                for future in wait(running, 0 if mine is not None else None, FIRST_COMPLETED).done:
                    done = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):  # a process was killed, or could not start
                        self._started = []
                        given.append(done)
                    else:
                        yield future.result()
        finally:
            for future in running:
                future.cancel()

    def _hand_out(
        self,
        task: Callable[[_Task], _Result],
        waiting: Iterator[_Task],
        given: list[_Task],
        running: dict[Future[_Result], _Task],
    ) -> None:
        """Give tasks to the processes that have started; when they broke, all is left to the present one."""
        ready = sum(start.done() and start.exception() is None for start in self._started)
        while self._pool is not None and len(running) < _AHEAD * ready:
            one = given.pop() if given else next(waiting, None)
            if one is None:
                return
            try:
                running[self._pool.submit(task, one)] = one
            except BrokenProcessPool:
                self._started = []
                given.append(one)
                return

    def share_out(self, function: Callable[..., NDArray[Any]], *arrays: NDArray[Any]) -> NDArray[Any]:
        """Return an element-wise function of arrays of equal length, by as many threads as there are processes.

        Worth it for functions of shapely, which let other threads run.
        """
        pieces = min(_PIECES_PER_THREAD * self.count, len(arrays[0]) // _LEAST_PIECE)
        if self.count == 1 or pieces < 2:
            return function(*arrays)
        with ThreadPoolExecutor(self.count) as threads:
            return np.concatenate(list(threads.map(function, *(np.array_split(array, pieces) for array in arrays))))


@contextmanager
def start_workers(count: int) -> Iterator[Workers]:
    """Start further processes; they load what they need while the caller goes on.

    Parameters
    ----------
    count
        Processes that share the work, this one included.
    """
    if count <= 1:
        yield Workers()
        return
    pool = ProcessPoolExecutor(count - 1, mp_context=get_context("spawn"))
    try:
        yield Workers(count, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _load() -> None:
    """Load the modules of the tasks."""
    import geo.algorithms.zoning.parts  # noqa: F401, PLC0415
