"""Improving a grouping: simulated annealing over shifts of faces and redrawings of cells.

Acceptance is that of Metropolis at a temperature that falls to a hundredth of what an ordinary border adds to the objective,
while the weight of violation rises: the search may pass through cells that are a little too large or too small, but it ends
with few or none. The best grouping, violation first, is kept throughout. A small community is searched in several rounds;
while some violation remains, the next round weighs it ten times more and starts as much hotter, so that cells are packed
into the bounds first and follow borders then. Large ones start cooler: on made-up towns of 400 to 1,000 faces, starting ten
times hotter ended 1 to 3 % worse after the same number of moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from geo.algorithms.zoning.grouping_redraw import Dice, redraw
from geo.algorithms.zoning.grouping_state import Grouping, Move, Score

Stop = Callable[[int], float | None]
"""Told the number of tries, returns the share of the search that is done, 0–1, or None to end it."""

_FIRST_TEMPERATURE, _LAST_TEMPERATURE = 0.1, 0.01
_FIRST_TEMPERATURE_OF_SMALL = 1.0
_FIRST_PENALTY, _LAST_PENALTY = 5.0, 500.0
"""In units of what an ordinary border adds to the objective."""
SMALL = 40
"""Faces of the largest community that counts as small."""
_ROUNDS_OF_SMALL, _WEIGHS_MORE = 3, 10.0
"""Rounds of a small community, and the factor for violation from round to round."""
_BATCH = 64
"""Tries between two looks at the clock and two settings of the temperature."""
_LARGEST_REDRAWN = 400
"""Faces of the largest cells that are redrawn; redrawing costs more than in proportion."""
_EQUAL = 1e-9


def make_dice(seed: int, key: str) -> Dice:
    """Return a source of random numbers that depends on a seed and a name alone."""
    generator = np.random.default_rng([seed, *key.encode()])
    blocks = (generator.random(1024).tolist() for _ in iter(int, 1))
    numbers = chain.from_iterable(blocks)
    return numbers.__next__


@dataclass
class _Best:
    """The best grouping seen, as the way back to it."""

    score: Score
    changes: list[tuple[int, int]] = field(default_factory=list)
    snapshot: list[int] | None = None

    def see(self, state: Grouping) -> None:
        score = state.score
        gap = score.violation - self.score.violation
        if gap < -_EQUAL or (gap <= _EQUAL and score.objective_m < self.score.objective_m - _EQUAL):
            self.score, self.snapshot = score, None
            self.changes.clear()

    def note(self, state: Grouping, move: Move) -> None:
        """Note what a move is about to change."""
        if self.snapshot is None:
            cell = state.cell
            self.changes += [(face, cell[face]) for face in move]
            if len(self.changes) > 4 * len(cell):
                self.snapshot = self.cells(state)

    def cells(self, state: Grouping) -> list[int]:
        """Return the cell of each face in the best grouping."""
        if self.snapshot is not None:
            return self.snapshot
        cell = list(state.cell)
        for face, before in reversed(self.changes):
            cell[face] = before
        return cell


class Annealing:
    """The improvement of one grouping.

    Attributes
    ----------
    state
        The current grouping.
    tries, moves
        Borders picked, and moves valued at them; a redrawing values every cut of its tree.
    """

    def __init__(self, state: Grouping, dice: Dice) -> None:
        self.state, self._dice = state, dice
        self.tries = self.moves = 0
        self._best = _Best(state.score)
        self._unit_m = self._ordinary_change()
        self._temperature_m = self._penalty_m = self._unit_m
        faces, cells = len(state.cell), sum(1 for faces in state.members if faces)
        self._redraw_share = min(0.25, 4.0 * cells / faces)

    def run(self, stop: Stop) -> list[int]:
        """Search until told to stop; return the cell of each face in the best grouping."""
        while self.state.ground.pairs:
            done = stop(self.tries)
            if done is None:
                break
            self._heat(done)
            for _ in range(_BATCH):
                self._try_one()
            self.tries += _BATCH
        return self._best.cells(self.state)

    def _heat(self, done: float) -> None:
        """Set temperature and weight of violation for a share of the search that is done."""
        small = len(self.state.cell) <= SMALL
        rounds = _ROUNDS_OF_SMALL if small else 1
        hot = _FIRST_TEMPERATURE_OF_SMALL if small else _FIRST_TEMPERATURE
        number = min(int(done * rounds), rounds - 1)
        factor = _WEIGHS_MORE**number if self._best.score.violation > _EQUAL else 1.0
        within = done * rounds - number
        self._temperature_m = self._unit_m * _between(hot * factor, _LAST_TEMPERATURE, within)
        self._penalty_m = self._unit_m * factor * _between(_FIRST_PENALTY, _LAST_PENALTY, within)

    def _try_one(self) -> None:
        dice, state = self._dice, self.state
        one, two = state.ground.pairs[int(dice() * len(state.ground.pairs))]
        if dice() < 0.5:
            one, two = two, one
        source, target = state.cell[one], state.cell[two]
        if dice() < self._redraw_share:
            self._try_redrawing(source, None if source == target else target)
        elif source != target:
            self.moves += 1
            self._try_shift(one, target)

    def _try_shift(self, face: int, target: int) -> None:
        """Try to move a face to a neighbouring cell; what it would cut off goes along, but for the largest part."""
        delta = self.state.delta_shift(face, target)
        if not self._accepts(delta):
            return
        parts = self.state.split_off(face)
        if len(parts) == 1:
            self._do({face: target}, delta)
            return
        largest = max(parts, key=lambda part: (len(part), min(part)))
        move = {face: target}
        for part in parts:
            if part is not largest:
                move.update(dict.fromkeys(sorted(part), target))
        self._do_if_good(move, self.state.delta(move))

    def _try_redrawing(self, one: int, two: int | None) -> None:
        members = self.state.members
        if len(members[one]) + (len(members[two]) if two is not None else 0) > _LARGEST_REDRAWN:
            return
        noise_m = 4 * self._unit_m * self._dice()
        found = redraw(self.state, one, two, self._dice, noise_m, self._penalty_m)
        if found is not None:
            self.moves += found.cuts
            self._do_if_good(found.move, found.delta)

    def _accepts(self, delta: Score) -> bool:
        change = delta.objective_m + self._penalty_m * delta.violation
        return change <= 0 or self._dice() < math.exp(-change / self._temperature_m)

    def _do_if_good(self, move: Move, delta: Score) -> None:
        if self._accepts(delta):
            self._do(move, delta)

    def _do(self, move: Move, delta: Score) -> None:
        self._best.note(self.state, move)
        self.state.apply(move, delta)
        self._best.see(self.state)

    def _ordinary_change(self) -> float:
        """Return the root mean square of what single borders and faces add to the objective, metres; above zero."""
        ground = self.state.ground
        gains = [gain for links in ground.neighbours for _, gain in links]
        sizes = [ground.balance_m * size / ground.wanted for size in ground.sizes]
        return max(float(np.sqrt(np.mean(np.square([*gains, *sizes])))), 1e-6)


def _between(first: float, last: float, done: float) -> float:
    return float(first * (last / first) ** min(max(done, 0.0), 1.0))
