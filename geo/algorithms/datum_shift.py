"""Whether a layer lies beside the others by a constant shift, as a layer in another datum does.

A map in GCJ-02 lies 100–700 m beside the same ground in CGCS2000 or WGS 84 (FIELD.md section 6), by nearly the same vector
all over a city. Borders of different departments share much of their course. So the borders of the new layer are laid over
those of the reference at every shift up to the largest one, and the share of them that finds a border near is counted.
Regular or dense borders meet by chance: the mean share over all shifts is that chance, and agreement is what exceeds it.
Where chance is high, borders must come nearer to count: the search is repeated with a smaller tolerance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import KDTree

from geo.errors import ParameterError

_LINEAR = (1, 2, 5)
_POLYGONAL = (3, 6)
_MAX_REFERENCE_POINTS = 400_000
_REFINEMENT_POINTS = 600
_MAX_VERTICES = 200_000
_HIGH_CHANCE, _WANTED_CHANCE = 0.4, 0.25
_MIN_TOLERANCE_M, _FINE_SAMPLES, _FINE_WINDOW_CELLS = 6.0, 1_000, 1_200


@dataclass(frozen=True)
class DatumShiftParams:
    """When a shift counts.

    Attributes
    ----------
    min_shift_m, max_shift_m
        Range of the shift; nearer ones are differences of digitising, larger ones are found by the eye. GCJ-02: 100–700 m.
    tolerance_m
        Borders within this distance are taken for the same; where many are so near by chance, a smaller one is tried too.
    cell_m
        Step of the search; the result is refined to 1 m.
    window_m
        Side of the square around the middle of the layer that is looked at.
    samples
        Places on the borders that are compared.
    min_agreement
        Agreement that the shifted layer must reach, 0–1.
    max_agreement_ratio
        Agreement as the layer lies over that of the shifted layer; above, it fits well enough where it lies.
    max_rival_ratio
        Agreement at the best of the shifts farther than five tolerances from the found one, over that of the found one;
        above, the shift is one of several (a short or straight border can be laid along another in many ways). On the
        real layers named in the tests true shifts have at most 0.4 and chance ones at least 0.59.
    """

    min_shift_m: float = 100.0
    max_shift_m: float = 700.0
    tolerance_m: float = 30.0
    cell_m: float = 20.0
    window_m: float = 30_000.0
    samples: int = 3_000
    min_agreement: float = 0.35
    max_agreement_ratio: float = 0.5
    max_rival_ratio: float = 0.55

    def __post_init__(self) -> None:
        lengths_fit = 0 <= self.min_shift_m < self.max_shift_m and 0 < self.cell_m <= self.tolerance_m
        shares_fit = 0 < self.min_agreement <= 1 and 0 <= self.max_agreement_ratio < 1 and 0 <= self.max_rival_ratio < 1
        if not (lengths_fit and shares_fit and self.samples > 0 and self.window_m > 2 * self.max_shift_m):
            raise ParameterError("The parameters of the datum check are out of their range: {given}.", given=str(self))


@dataclass(frozen=True)
class DatumShift:
    """How a layer lies to a reference.

    Attributes
    ----------
    dx_m, dy_m
        How far the layer lies east and north of where it fits best.
    agreement_before, agreement_after
        Share of the borders that meet beyond chance, as the layer lies and with the shift taken away; at most 1.
    is_shifted
        Whether the shift fits clearly better than none.
    """

    dx_m: float
    dy_m: float
    agreement_before: float
    agreement_after: float
    is_shifted: bool

    @property
    def distance_m(self) -> float:
        """Length of the shift."""
        return math.hypot(self.dx_m, self.dy_m)


def find_datum_shift(
    layer: NDArray[np.object_], reference: NDArray[np.object_], params: DatumShiftParams | None = None
) -> DatumShift | None:
    """Return the shift at which the borders of a layer fit those of a reference best.

    The borders of either layer are searched for in the other one, because one may hold just a part of the other's (a
    district's outline among those of its streets); the direction with the better agreement counts.

    Parameters
    ----------
    layer, reference
        Polygons (their rings) or lines in one metric CRS; points are passed over.
    params
        Thresholds.

    Returns
    -------
    DatumShift or None
        None when one of them has no lines or they lie too far apart to be compared.
    """
    params = params or DatumShiftParams()
    own, other = _bordered(layer), _bordered(reference)
    if not len(own) or not len(other):
        return None
    forth = _best_shift(own, other, params)
    back = _best_shift(other, own, params)
    found = [shift for shift in (forth, back and _reversed(back)) if shift is not None]
    return max(found, key=lambda shift: (shift.is_shifted, shift.agreement_after), default=None)


def _reversed(shift: DatumShift) -> DatumShift:
    return DatumShift(-shift.dx_m, -shift.dy_m, shift.agreement_before, shift.agreement_after, shift.is_shifted)


def _bordered(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the polygons and lines that are not empty."""
    is_bordered = np.isin(shapely.get_type_id(geometry), (*_LINEAR, *_POLYGONAL)) & ~shapely.is_empty(geometry)
    return np.asarray(geometry[is_bordered])


def _segments(geometry: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the segments of rings and lines as an array of shape (n, 2, 2)."""
    types = shapely.get_type_id(geometry)
    parts = [np.empty((0, 2, 2))]
    for kind in ((2,), (1, 5), _POLYGONAL):
        if (chosen := geometry[np.isin(types, kind)]).size:
            _, points, offsets = shapely.to_ragged_array(shapely.force_2d(chosen))
            ends = offsets[0] if len(offsets) else np.array([0, len(points)])
            joined = np.ones(max(len(points) - 1, 0), dtype=bool)
            joined[ends[(ends > 0) & (ends < len(points))] - 1] = False
            parts.append(np.stack([points[:-1][joined], points[1:][joined]], axis=1))
    return np.concatenate(parts)


def _sampled(segments: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return points at equal steps along the segments, shape (count, 2)."""
    start, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = np.hypot(way[:, 0], way[:, 1])
    until = np.cumsum(length)
    at = (np.arange(count) + 0.5) * until[-1] / count
    which = np.minimum(np.searchsorted(until, at), len(segments) - 1)
    share = 1 - (until[which] - at) / np.where(length[which] > 0, length[which], 1.0)
    return np.asarray(start[which] + way[which] * share[:, None])


def _within(points: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(((points >= low) & (points <= high)).all(axis=-1))


def _nearest(shapes: NDArray[np.object_], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return the shapes that may meet a box, those about their middle only when they have too many vertices together."""
    boxes = shapely.bounds(shapes)
    is_met = (boxes[:, 2:] >= low).all(axis=1) & (boxes[:, :2] <= high).all(axis=1)
    shapes, boxes = shapes[is_met], boxes[is_met]
    vertices = shapely.get_num_coordinates(shapes)
    if vertices.sum() <= _MAX_VERTICES:
        return shapes
    middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    gap = np.maximum(boxes[:, :2] - middle, middle - boxes[:, 2:]).max(axis=1)
    order = np.argsort(gap, kind="stable")
    return np.asarray(shapes[order[: 1 + np.searchsorted(np.cumsum(vertices[order]), _MAX_VERTICES)]])


def _shared_window(
    own: NDArray[np.object_], other: NDArray[np.object_], params: DatumShiftParams
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the own segments that may meet the other borders, around the middle of them, and the others about these."""
    reach = params.max_shift_m + params.tolerance_m
    bounds = shapely.total_bounds(other)
    low, high = bounds[:2] - reach, bounds[2:] + reach
    segments = _segments(_nearest(own, low, high))
    segments = _about_middle(segments[_within(segments, low, high).all(axis=1)], params.window_m)
    if not len(segments):
        return segments, segments
    boxes = shapely.bounds(other)
    low, high = segments.min(axis=(0, 1)) - reach, segments.max(axis=(0, 1)) + reach
    others = _segments(other[(boxes[:, 2:] >= low).all(axis=1) & (boxes[:, :2] <= high).all(axis=1)])
    return segments, _crossing(others, segments, reach)


def _about_middle(segments: NDArray[np.float64], side_m: float) -> NDArray[np.float64]:
    """Return the segments inside a square around the middle of all."""
    if not len(segments):
        return segments
    middles = segments.mean(axis=1)
    middle = np.median(middles, axis=0)
    middle = middles[np.hypot(*(middles - middle).T).argmin()]  # a ring has no border in its middle
    is_inside = _within(segments, middle - side_m / 2, middle + side_m / 2).all(axis=1)
    return np.asarray(segments[is_inside])


def _crossing(others: NDArray[np.float64], own: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Return the other segments that may come within reach of the own ones."""
    low, high = own.min(axis=(0, 1)) - reach, own.max(axis=(0, 1)) + reach
    is_met = ((others.max(axis=1) >= low) & (others.min(axis=1) <= high)).all(axis=1)
    return np.asarray(others[is_met])


def _length(segments: NDArray[np.float64]) -> float:
    return float(np.hypot(*(segments[:, 1] - segments[:, 0]).T).sum())


def _best_shift(own: NDArray[np.object_], other: NDArray[np.object_], params: DatumShiftParams) -> DatumShift | None:
    """Return the shift at which the largest share of the own borders lies on borders of the other layer."""
    segments, others = _shared_window(own, other, params)
    if not _length(segments) or not _length(others):
        return None
    shift, chance = _laid_over(segments, others, params, params.tolerance_m)
    if shift.is_shifted or chance <= _HIGH_CHANCE:
        return shift
    fine = _tightened(params, chance)
    segments = _about_middle(segments, fine.window_m)
    others = _crossing(others, segments, params.max_shift_m + params.tolerance_m) if len(segments) else segments
    if not _length(segments) or not _length(others):
        return shift
    finer, _ = _laid_over(segments, others, fine, params.tolerance_m)
    return finer if finer.is_shifted else shift


def _tightened(params: DatumShiftParams, chance: float) -> DatumShiftParams:
    """Return thresholds with a tolerance at which borders spread at random would meet by chance as seldom as wanted."""
    share = math.log1p(-_WANTED_CHANCE) / math.log1p(-min(chance, 0.999))
    tolerance_m = max(params.tolerance_m * share, min(_MIN_TOLERANCE_M, params.tolerance_m))
    cell_m = min(params.cell_m, tolerance_m * 2 / 3)
    window_m = max(min(params.window_m, _FINE_WINDOW_CELLS * cell_m), 3 * params.max_shift_m)
    samples = min(params.samples, _FINE_SAMPLES)
    return replace(params, tolerance_m=tolerance_m, cell_m=cell_m, window_m=window_m, samples=samples)


def _laid_over(
    own: NDArray[np.float64], other: NDArray[np.float64], params: DatumShiftParams, in_place_m: float
) -> tuple[DatumShift, float]:
    """Return the best shift of some segments and the share of them that meets by chance.

    Parameters
    ----------
    own, other
        Segments.
    params
        Thresholds.
    in_place_m
        Shifts up to this one count as none.
    """
    reach = params.max_shift_m + params.tolerance_m
    low, high = own.min(axis=(0, 1)) - reach, own.max(axis=(0, 1)) + reach
    points = _sampled(own, params.samples)
    borders = _sampled(other, int(np.clip(2 * _length(other) / params.cell_m, 2, _MAX_REFERENCE_POINTS)))
    shares, steps = _shares(points, borders, low, high, params)
    distance = np.hypot(steps[:, None], steps[None, :])
    chance = float(shares[distance <= reach].mean())
    best = np.unravel_index(np.where(distance <= reach, shares, 0).argmax(), shares.shape)
    dx, dy = _refined(points, borders, (steps[best[0]], steps[best[1]]), params)
    away = np.hypot(steps[:, None] - steps[best[0]], steps[None, :] - steps[best[1]]) > 5 * params.tolerance_m
    before, after, rival = (
        max(0.0, (float(share) - chance) / (1 - chance + 1e-9))
        for share in (
            shares[distance <= in_place_m].max(),
            shares[best],
            shares[away & (distance <= reach)].max(),
        )
    )
    is_clear = before <= params.max_agreement_ratio * after and rival <= params.max_rival_ratio * after
    in_range = params.min_shift_m <= math.hypot(dx, dy) <= params.max_shift_m
    is_shifted = after >= params.min_agreement and is_clear and in_range
    return DatumShift(-dx, -dy, before, after, is_shifted), chance


def _shares(
    points: NDArray[np.float64],
    borders: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    params: DatumShiftParams,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of points near a border for every shift, by x and y, and the steps of the shifts in metres."""
    shape = np.ceil((high - low) / params.cell_m).astype(int) + 1
    free = np.ones(shape, dtype=bool)
    free[tuple(((borders[_within(borders, low, high)] - low) / params.cell_m).astype(int).T)] = False
    is_near = (distance_transform_edt(free) * params.cell_m <= params.tolerance_m).ravel()
    reach = int(params.max_shift_m / params.cell_m) + 1
    steps = np.arange(-reach, reach + 1)
    place = ((points - low) / params.cell_m).astype(int)
    first = np.clip(place[:, :1] + steps, 0, shape[0] - 1) * shape[1]
    second = np.clip(place[:, 1:] + steps, 0, shape[1] - 1)
    shares = np.stack([is_near[first[:, [i]] + second].mean(axis=0) for i in range(len(steps))])
    return shares, np.asarray(steps * params.cell_m, dtype=np.float64)


def _refined(
    points: NDArray[np.float64], borders: NDArray[np.float64], start: tuple[float, float], params: DatumShiftParams
) -> tuple[float, float]:
    """Return the shift near a first one at which the mean distance to the borders, cut at the tolerance, is least."""
    tree = KDTree(borders, compact_nodes=False, balanced_tree=False)
    chosen = points[:: max(1, len(points) // _REFINEMENT_POINTS)]
    best = np.array(start, dtype=float)
    step = params.cell_m / 2
    while step >= 0.5:
        around = np.array([(i, j) for i in (-2, -1, 0, 1, 2) for j in (-2, -1, 0, 1, 2)]) * step + best
        distance, _ = tree.query(
            (chosen[None] + around[:, None]).reshape(-1, 2), distance_upper_bound=2 * params.tolerance_m
        )
        cost = np.minimum(distance, params.tolerance_m).reshape(len(around), -1).mean(axis=1)
        best = around[cost.argmin()]
        step /= 2
    return float(best[0]), float(best[1])
