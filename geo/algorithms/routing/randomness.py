"""A small random generator whose state is passed in: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import lean_kernel

State = NDArray[np.uint64]


def generator(seed: int) -> State:
    """Return the state of a generator, an array of one number."""
    return np.array([(seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64], dtype=np.uint64)


@lean_kernel
def _next(state: State) -> np.uint64:
    z = state[0] + np.uint64(0x9E3779B97F4A7C15)
    state[0] = z
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@lean_kernel
def uniform(state: State) -> float:
    """Return a number in [0, 1)."""
    return float(_next(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@lean_kernel
def below(state: State, n: int) -> int:
    """Return a whole number in [0, n)."""
    return int(uniform(state) * n)


@lean_kernel
def shuffle(state: State, items: NDArray[np.int64]) -> None:
    """Shuffle in place."""
    for k in range(len(items) - 1, 0, -1):
        j = below(state, k + 1)
        held = items[k]
        items[k] = items[j]
        items[j] = held
