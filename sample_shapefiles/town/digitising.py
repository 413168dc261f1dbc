"""Redrawing borders as another department's draughtsman would have drawn them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import LineString

from .warp import FloatArray

Node = tuple[float, float]


@dataclass(frozen=True)
class Hand:
    """How a draughtsman works.

    Attributes
    ----------
    node_error_m
        Standard deviation of the places where borders meet.
    bias_m
        Range (low, high) of the constant sideways error of one border.
    vertex_error_m
        Standard deviation of single vertices.
    step_m
        Range (low, high) of the distance between set vertices; None keeps the vertices of the street.
    simplify_m
        Tolerance with which bends are left out before anything else.
    touched_share
        Share of borders drawn anew; the others stay as they are, but for moved ends.
    """

    node_error_m: float
    bias_m: tuple[float, float]
    vertex_error_m: float
    step_m: tuple[float, float] | None
    simplify_m: float = 0.0
    touched_share: float = 1.0


def _vertices(arc: LineString, hand: Hand, rng: np.random.Generator) -> FloatArray:
    """Vertices that this hand sets along an arc."""
    line = shapely.simplify(arc, hand.simplify_m) if hand.simplify_m else arc
    line = line if line.length > 0.5 * arc.length else arc
    xy: FloatArray
    if hand.step_m is None:
        xy = shapely.get_coordinates(line)
        return xy
    steps = rng.uniform(*hand.step_m, size=2 + int(line.length / hand.step_m[0]))
    bends = shapely.line_locate_point(line, shapely.points(shapely.get_coordinates(shapely.simplify(line, 2.5))[1:-1]))
    fixed = np.concatenate([[0.0], bends, [line.length]])
    free = np.cumsum(steps)
    free = free[np.abs(free[:, None] - fixed).min(axis=1) > hand.step_m[0] / 2]
    along = np.sort(np.concatenate([fixed, free[free < line.length]]))
    if len(along) == 2:
        along = np.array([0.0, line.length / 2, line.length])
    xy = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
    return xy


def _sideways(xy: FloatArray) -> FloatArray:
    """Compute unit normals at the vertices."""
    along = np.gradient(xy, axis=0)
    normal: FloatArray = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
    return normal


def redraw(arcs: list[LineString], hand: Hand, rng: np.random.Generator) -> list[LineString]:
    """Redraw border lines; lines that met still meet.

    Parameters
    ----------
    arcs
        Border lines between meetings of three cells, EPSG:4547.
    hand
        The draughtsman.
    rng
        Source of chance.

    Returns
    -------
    list of LineString
        The same borders, displaced, on the millimetre grid.
    """
    moved: dict[Node, FloatArray] = {}
    result = []
    for arc in arcs:
        touched = rng.random() < hand.touched_share
        xy = _vertices(arc, hand, rng) if touched else shapely.get_coordinates(arc)
        closed = bool(np.array_equal(xy[0], xy[-1]))
        for end in (0, -1):
            node = (float(xy[end, 0]), float(xy[end, 1]))
            if node not in moved:
                moved[node] = xy[end] + rng.normal(0.0, hand.node_error_m, size=2)
        ends = [moved[(float(xy[end, 0]), float(xy[end, 1]))].copy() for end in (0, -1)]
        if touched:
            bias = rng.uniform(*hand.bias_m) * rng.choice([-1.0, 1.0])
            fade = np.ones(len(xy))
            if not closed:
                from_end = np.minimum(np.arange(len(xy)), np.arange(len(xy))[::-1])
                fade = np.minimum(1.0, from_end / 1.0)
            noise = rng.normal(0.0, hand.vertex_error_m, size=len(xy))
            xy = xy + _sideways(xy) * (bias * fade + noise)[:, None]
        xy = xy.copy()
        xy[0], xy[-1] = ends
        result.append(LineString(np.round(xy, 3)))
    return result


def offset_to_kerb(
    arcs: list[LineString], widths_m: FloatArray, share: float, rng: np.random.Generator
) -> list[LineString]:
    """Move a share of the borders from the centre line to one kerb of the street.

    Parameters
    ----------
    arcs
        Border lines, EPSG:4547.
    widths_m
        Width of the street that every border runs along, metres; 0 where it follows no street.
    share
        Share of borders that are moved.
    rng
        Source of chance.

    Returns
    -------
    list of LineString
        Borders; their ends stay in place and run to the kerb within about 6 m.
    """
    result = []
    for arc, width in zip(arcs, widths_m, strict=True):
        chance, side = rng.random(), rng.choice([-1.0, 1.0])
        if chance > share or width == 0.0 or arc.length < 45.0:
            result.append(arc)
            continue
        near = np.array([5.0, 6.0])
        inner = shapely.get_coordinates(arc)[1:-1]
        along = shapely.line_locate_point(arc, shapely.points(inner)) if len(inner) else np.array([])
        inner_along = along[(along > 9.0) & (along < arc.length - 9.0)]
        positions = np.concatenate([[0.0], near[1:], inner_along, arc.length - near[1:], [arc.length]])
        xy = shapely.get_coordinates(shapely.line_interpolate_point(arc, positions))
        shift = np.full(len(xy), side * width / 2)
        shift[[0, -1]] = 0.0
        xy += _sideways(xy) * shift[:, None]
        result.append(LineString(np.round(xy, 3)))
    return result


def untangle(arcs: list[LineString], drawn: list[LineString]) -> list[LineString]:
    """Take back the redrawing where borders came to cross each other or themselves.

    Parameters
    ----------
    arcs
        Borders before the redrawing.
    drawn
        The same borders after it.

    Returns
    -------
    list of LineString
        ``drawn``, with the old course (but the new ends) where it was needed.
    """
    result = list(drawn)
    for _ in range(8):
        tangled = {number for number, line in enumerate(result) if not line.is_simple}
        tree = shapely.STRtree(result)
        for one, other in tree.query(result, predicate="intersects").T:
            if one < other:
                ends = shapely.union(result[one].boundary, result[other].boundary)
                if shapely.difference(shapely.intersection(result[one], result[other]), ends).is_empty:
                    continue
                tangled |= {int(one), int(other)}
        if not tangled:
            break
        for number in tangled:
            xy = shapely.get_coordinates(arcs[number])
            xy[[0, -1]] = shapely.get_coordinates(drawn[number])[[0, -1]]
            result[number] = LineString(xy)
    return result
