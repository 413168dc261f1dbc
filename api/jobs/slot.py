"""A place where one job runs at a time: a process pool of one, which can be killed and made anew.

One pool of many processes would not do: when one of them is killed, the whole pool breaks and takes all jobs with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
from collections.abc import Callable
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Literal

import psutil

from api.errors import WorkerLostError
from api.jobs.job import Order
from api.jobs.worker import Told, run_order, start_worker, warm_up

_POLL_S = 0.1
Wish = Literal["go_on", "stop", "kill"]


class KilledError(Exception):
    """The job's process was killed because someone wished it."""


class Slot:
    """A warm worker process."""

    def __init__(self) -> None:
        self._open()

    def _open(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._receiver, sender = context.Pipe(duplex=False)
        # without a lock: a process killed inside one would leave it locked for ever
        self._stop = context.RawValue(ctypes.c_longlong, 0)
        self._worker: psutil.Process | None = None
        self._executor = ProcessPoolExecutor(
            1, mp_context=context, initializer=start_worker, initargs=(sender, self._stop)
        )
        self._warm: Future[None] = self._executor.submit(warm_up)  # starts the process, with its copy of the sender
        sender.close()

    def run(self, order: Order, tell: Callable[[Told], None], wish: Callable[[], Wish]) -> dict[str, Any]:
        """Run an order to its end and return its report; blocks.

        Parameters
        ----------
        order
            What to do.
        tell
            Called with what the worker tells.
        wish
            Asked ten times a second what the server wants.

        Raises
        ------
        KilledError
            ``wish`` said so, and the process is gone.
        WorkerLostError
            The process ended by itself.
        YiwangError
            What the service raised.
        """
        if self._has_died():  # while idle: the next one does the job
            self.renew()
        future = self._executor.submit(run_order, order)
        is_killed = False
        while not future.done():
            self._listen(tell, _POLL_S, future)
            wished = wish()
            if wished == "stop":
                self._stop.value = order.number
            elif wished == "kill" and not is_killed:
                is_killed = True
                self._kill()
        self._listen(tell, 0, future)
        try:
            return future.result()
        except (BrokenProcessPool, FutureCancelledError) as error:
            self.renew()
            if is_killed:
                raise KilledError from error
            raise WorkerLostError(
                "The process of the job ended unexpectedly, perhaps for want of memory. Nothing was stored; "
                "try again, with a smaller area if it happens twice."
            ) from error
        finally:
            self._stop.value = 0

    def _listen(self, tell: Callable[[Told], None], timeout_s: float, future: Future[Any]) -> None:
        """Pass on what the worker tells; wait for the first word."""
        try:
            while self._receiver.poll(timeout_s):
                told: Told = self._receiver.recv()
                timeout_s = 0
                if told.pid:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        self._worker = psutil.Process(told.pid)
                else:
                    tell(told)
        except (EOFError, OSError):  # the worker is gone: its future will say so
            with contextlib.suppress(TimeoutError, FutureCancelledError):
                future.exception(timeout=timeout_s)

    def _has_died(self) -> bool:
        self._listen(lambda told: None, 0, self._warm)
        if self._worker is None:
            return self._warm.done() and self._warm.exception() is not None
        try:
            return bool(self._worker.status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def _kill(self) -> None:
        if self._worker is None:
            self._listen(lambda told: None, 0, self._warm)
        if self._worker is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._worker.kill()

    def renew(self) -> None:
        """Put a fresh process in the place of a dead one."""
        self.close()
        self._open()

    def close(self) -> None:
        """End the process, at once when it is still starting."""
        if not self._warm.done():
            self._kill()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._receiver.close()
