"""Sums over equal keys, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from geo.algorithms.components import sum_by_keys

rows = st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 3), st.integers(-1_000, 1_000)), max_size=40)


@given(rows)
def test_sums_are_those_of_a_groupby(table: list[tuple[int, int, int]]) -> None:
    frame = pd.DataFrame(table, columns=["one", "two", "value"], dtype="int64")
    keys = (frame["one"].to_numpy(), frame["two"].to_numpy())
    (one, two), sums = sum_by_keys(keys, frame["value"].to_numpy(dtype=np.float64))
    expected = frame.groupby(["one", "two"], as_index=False)["value"].sum()
    assert one.tolist() == expected["one"].tolist()
    assert two.tolist() == expected["two"].tolist()
    assert sums.tolist() == expected["value"].astype(float).tolist()
