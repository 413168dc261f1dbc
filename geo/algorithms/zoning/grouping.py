"""Grouping the faces of an overlay into cells: the problem, its parameters, and what comes out.

The objective
-------------
Per community, over the borders *i* that two of its faces share, with length L, drawn by d of n departments::

    ignored    = Σ L·d/n        over borders inside one cell: borders of departments that the result does not follow
    invented   = Σ L·(1 − d/n)  over borders between two cells: borders of the result that departments do not have
    cut length = Σ L            over borders between two cells
    balance    = u · Σ ((s − t)/t)²   over the cells of size s, with t = (lower + upper)/2
    objective  = w·(ignored + invented + c·cut length) + (1 − w)·balance        [m]
    violation  = Σ max(0, 1 − s/lower, s/upper − 1)   over the cells            [1]

A face above the upper bound cannot be divided: it counts as ``(t + upper)/2``, so that strips along it may still join it,
and its cell is stated as an unavoidable violation.

Here w = ``border_weight`` and c = ``compactness``. The unit u is the perimeter of a square as large as the community's mean
cell of size t: ``u = 4·√(A/k)``, A its area, ``k = max(1, S/t)``, S its whole size; so a cell of no size, or of twice the
wanted size, weighs like ignoring the outline of one cell. The violation comes first: of two groupings the one with the
smaller violation is better, of two with the same the one with the smaller objective. Borders between communities are
always borders of cells and do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geo.errors import ParameterError

Measure = Literal["area", "households", "workload"]
MEASURES: tuple[Measure, ...] = ("area", "households", "workload")


@dataclass(frozen=True)
class GroupingProblem:
    """Faces, what they hold, and the borders between them.

    Attributes
    ----------
    areas_m2
        Shape (f,): area of each face.
    community
        Shape (f,): number of the community of each face; a cell lies in exactly one.
    amounts
        Measure → shape (f,): what of it each face holds: m², households, or any unit of work.
    first, second
        Shape (p,): faces on the two sides of each shared border. A pair may occur several times.
    lengths_m
        Shape (p,): length of each shared border; faces that meet in points only (0 m) are no neighbours.
    drawn
        Shape (p,): departments whose border runs along this border, 0 to ``n_zonings``; may be weighted.
    n_zonings
        Number of departments, or the sum of their weights; above 0.

    Raises
    ------
    ParameterError
        Arrays of different shapes, or values out of their range.
    """

    areas_m2: NDArray[np.float64]
    community: NDArray[np.int64]
    amounts: Mapping[str, NDArray[np.float64]]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    lengths_m: NDArray[np.float64]
    drawn: NDArray[np.float64]
    n_zonings: float

    def __post_init__(self) -> None:
        faces, borders = len(self.areas_m2), len(self.first)
        shapes_fit = len(self.community) == faces and all(len(values) == faces for values in self.amounts.values())
        shapes_fit &= {len(self.second), len(self.lengths_m), len(self.drawn)} == {borders}
        ends = np.concatenate([self.first, self.second])
        in_range = bool(((ends >= 0) & (ends < faces)).all()) and bool((self.first != self.second).all())
        numbers = (self.areas_m2, self.lengths_m, self.drawn, *self.amounts.values())
        in_range &= all(bool(np.isfinite(values).all()) and bool((values >= 0).all()) for values in numbers)
        in_range &= self.n_zonings > 0 and bool((self.drawn <= self.n_zonings * (1 + 1e-9)).all())
        if not (shapes_fit and in_range):
            raise ParameterError(
                "The {faces} faces and {borders} shared borders to be grouped do not fit each other: areas, amounts and "
                "lengths must be finite and not negative, borders lie between two different faces.",
                faces=faces,
                borders=borders,
            )

    @property
    def faces(self) -> int:
        """Number of faces."""
        return len(self.areas_m2)

    def sizes(self, params: OptimiseParams) -> NDArray[np.float64]:
        """Return the amount of each face in the measure of the bounds, shape (f,).

        Raises
        ------
        ParameterError
            There are no amounts of that measure.
        """
        if params.measure not in self.amounts:
            raise ParameterError(
                "Cells are to be bounded by {measure}, but the faces have no such amounts. Choose another measure or import "
                "what it is computed from.",
                measure=params.measure,
            )
        return self.amounts[params.measure]


@dataclass(frozen=True)
class OptimiseParams:
    """How to group.

    Attributes
    ----------
    measure
        What bounds the size of a cell.
    lower, upper
        Bounds of a cell, in the unit of the measure; the wanted size is their mean.
    border_weight
        Weight of agreeing with the departments' borders against even sizes, 0–1.
    compactness
        Weight of a metre of border between cells against a metre of disagreement; 0 leaves shape alone.
    seed
        Same seed, same cells, unless the clock ends the search.
    moves_per_face
        Borders at which a move is tried, per face of a community; None leaves it to the clock alone.
    seconds
        Time for all communities at the most; None sets no limit. The first grouping comes on top.
    """

    measure: Measure = "area"
    lower: float = 6_000.0
    upper: float = 14_000.0
    border_weight: float = 0.8
    compactness: float = 0.0
    seed: int = 1
    moves_per_face: int | None = 100
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ParameterError(
                "'{measure}' is no measure of cells. Known are {known}.",
                measure=self.measure,
                known=", ".join(MEASURES),
            )
        if not (0 <= self.lower <= self.upper < float("inf")) or self.upper == 0:
            raise ParameterError(
                "Cells need bounds with 0 ≤ lower ≤ upper and upper above 0, not {lower} and {upper}.",
                lower=self.lower,
                upper=self.upper,
            )
        if not (0 <= self.border_weight <= 1 and 0 <= self.compactness < float("inf")):
            raise ParameterError("The weight of borders lies between 0 and 1, and compactness must not be negative.")
        if self.seed < 0:
            raise ParameterError("The seed of a search must not be negative.")
        if self.moves_per_face is None and self.seconds is None:
            raise ParameterError("Grouping needs a number of moves per face, a time limit, or both.")
        if (self.moves_per_face or 0) < 0 or not 0 <= (self.seconds or 0) <= 86_400:
            raise ParameterError("Grouping time must lie between 0 and 86,400 s, and moves must not be negative.")

    @property
    def wanted(self) -> float:
        """Wanted size of a cell."""
        return (self.lower + self.upper) / 2

    def counted(self, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the amounts of faces as they count: those above the upper bound as half-way from it to the wanted size."""
        return np.where(amounts > self.upper, (self.wanted + self.upper) / 2, amounts)


@dataclass(frozen=True)
class GroupingParts:
    """The terms of the objective, see this module.

    Attributes
    ----------
    ignored_m, invented_m, cut_length_m, balance_m
        As defined there.
    objective_m
        The weighted sum.
    violation
        Sum of the relative violations of the bounds.
    """

    ignored_m: float
    invented_m: float
    cut_length_m: float
    balance_m: float
    objective_m: float
    violation: float


@dataclass(frozen=True)
class Violation:
    """A cell outside the bounds.

    Attributes
    ----------
    group
        Number of the cell.
    kind
        Whether it is too large or too small.
    size
        Its amount in the unit of the measure.
    unavoidable
        Whether it is too large only because one of its faces alone is, or too small because the connected ground of the
        community is.
    """

    group: int
    kind: Literal["above", "below"]
    size: float
    unavoidable: bool


@dataclass(frozen=True)
class GroupingResult:
    """Faces grouped into cells.

    Attributes
    ----------
    groups
        Shape (f,): number of the cell of each face, from 0 without holes in the order of the first faces.
    parts
        Value of the objective and its terms, over all communities.
    violations
        Cells outside the bounds.
    moves
        Moves valued: shifts of faces, and every cut in redrawing cells.
    stopped_early
        Whether a wish to stop ended the search.
    out_of_time
        Whether the clock ended it: another run may find other cells.
    """

    groups: NDArray[np.int64]
    parts: GroupingParts
    violations: tuple[Violation, ...]
    moves: int
    stopped_early: bool
    out_of_time: bool
