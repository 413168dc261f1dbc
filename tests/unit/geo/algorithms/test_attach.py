"""Which cell holds a point, and how much of a line each cell holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from shapely import LineString, Point, box

from geo.algorithms.partition.attach import attach_lines, attach_points


def array(*shapes: Any) -> Any:
    return np.array(shapes, dtype=object)


class TestAttach:
    CELLS = array(box(0, 0, 10, 10), box(10, 0, 20, 10))
    CODES = array("b", "a")

    def test_points(self) -> None:
        points = array(Point(5, 5), Point(15, 5), Point(99, 5), Point(10, 5))
        # on the border the first code wins, whatever the order of the cells
        assert attach_points(points, self.CELLS, self.CODES).tolist() == ["b", "a", None, "a"]
        assert attach_points(points, self.CELLS[::-1], self.CODES[::-1]).tolist() == ["b", "a", None, "a"]

    def test_no_points(self) -> None:
        assert attach_points(array(), self.CELLS, self.CODES).tolist() == []

    def test_lines(self) -> None:
        lines = array(
            LineString([(-5, 5), (25, 5)]),  # 5 outside, 10 + 10 inside, 5 outside
            LineString([(10, 0), (10, 8)]),  # along the common border
            LineString([(0, 20), (10, 20)]),  # outside
            LineString([(20, 0), (30, 0)]),  # touches a corner
        )
        frame = attach_lines(lines, self.CELLS)
        assert frame.to_numpy().tolist() == [[0, 0, 10], [0, 1, 10], [1, 0, 4], [1, 1, 4]]
