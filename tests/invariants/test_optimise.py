"""Whatever the faces, a move changes the objective by what it says, and what comes out is what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from geo.algorithms.zoning.grouping import GroupingProblem, OptimiseParams
from geo.algorithms.zoning.grouping_check import check_grouping
from geo.algorithms.zoning.grouping_growth import grow_cells
from geo.algorithms.zoning.grouping_redraw import redraw
from geo.algorithms.zoning.grouping_search import make_dice
from geo.algorithms.zoning.grouping_state import Grouping, Score, prepare_ground
from geo.algorithms.zoning.optimise import optimise_cells, split_communities


@st.composite
def problems(draw: st.DrawFn, communities: int = 1) -> tuple[GroupingProblem, OptimiseParams]:
    """Draw faces at random sites, neighbours as in a triangulation but for some that are missing or meet in a point."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(4, 40))
    triangles = Delaunay(rng.uniform(0, 1000, (count, 2))).simplices
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs = pairs[rng.random(len(pairs)) < draw(st.sampled_from([0.4, 1.0]))]
    lengths = rng.uniform(1, 200, len(pairs)) * (rng.random(len(pairs)) < 0.95)
    areas = rng.lognormal(9, 1, count)
    n_zonings = draw(st.integers(1, 5))
    problem = GroupingProblem(
        areas_m2=areas,
        community=rng.integers(0, communities, count),
        amounts={"area": areas, "households": rng.poisson(3, count).astype(float)},
        first=pairs[:, 0].astype(np.int64),
        second=pairs[:, 1].astype(np.int64),
        lengths_m=lengths,
        drawn=rng.uniform(0, n_zonings, len(pairs)),
        n_zonings=n_zonings,
    )
    measure, lower, upper = draw(
        st.sampled_from([("area", 6e3, 14e3), ("area", 0.0, 3e4), ("households", 5.0, 9.0), ("households", 4.0, 4.0)])
    )
    weight, compactness = draw(st.sampled_from([(0.8, 0.0), (0.0, 0.0), (1.0, 0.0), (0.5, 1.5)]))
    return problem, OptimiseParams(measure, lower, upper, weight, compactness, moves_per_face=20)


def near(score: Score) -> object:
    return pytest.approx(tuple(score), rel=1e-9, abs=1e-6)


@given(problems(), st.integers(0, 2**32 - 1))
def test_delta_is_the_difference_of_values(drawn: tuple[GroupingProblem, OptimiseParams], seed: int) -> None:
    problem, params = drawn
    ground = prepare_ground(problem, params)
    rng = np.random.default_rng(seed)
    count = problem.faces
    state = Grouping(ground, rng.integers(0, rng.integers(1, count + 1), count).tolist())
    for _ in range(10):
        before = state.value()
        faces = rng.choice(count, int(rng.integers(1, count + 1)), replace=False).tolist()
        targets = [state.empty_cell(), *(number for number, members in enumerate(state.members) if members)]
        move = {face: int(rng.choice(targets)) for face in faces}
        move = {face: target for face, target in move.items() if target != state.cell[face]}
        delta = state.delta(move)
        state.apply(move, delta)
        after = state.value()
        assert tuple(delta) == near(Score(after.violation - before.violation, after.objective_m - before.objective_m))
        assert tuple(state.score) == near(after)
        assert [sorted(members) for members in state.members] == [
            [face for face in range(count) if state.cell[face] == number] for number in range(len(state.members))
        ]


@given(problems(), st.integers(0, 2**32 - 1))
def test_a_shift_of_one_face(drawn: tuple[GroupingProblem, OptimiseParams], seed: int) -> None:
    """The quick difference is the general one, and the parts that a cell falls into are those of a search."""
    problem, params = drawn
    ground = prepare_ground(problem, params)
    state = Grouping(ground, grow_cells(ground))
    dice = make_dice(seed, "")
    for one, two in ground.pairs:
        target = state.cell[two]
        if state.cell[one] == target:
            continue
        assert tuple(state.delta_shift(one, target)) == near(state.delta({one: target}))
        parts = state.split_off(one)
        assert sorted(face for part in parts for face in part) == sorted(state.members[state.cell[one]] - {one})
        assert len(parts) == max(1, _components(problem, state.members[state.cell[one]] - {one}))
        if dice() < 0.5 and len(parts) == 1:
            state.apply({one: target}, state.delta_shift(one, target))


@given(problems(), st.integers(0, 2**32 - 1))
def test_redrawn_cells_are_connected_and_valued(drawn: tuple[GroupingProblem, OptimiseParams], seed: int) -> None:
    """No cut of its tree would have been better is shown by the tests against the optimum; here: it is what it says."""
    problem, params = drawn
    ground = prepare_ground(problem, params)
    state = Grouping(ground, grow_cells(ground))
    dice = make_dice(seed, "")
    for one, two in ground.pairs[:20]:
        source, target = state.cell[one], state.cell[two]
        found = redraw(state, source, None if source == target else target, dice, 50.0, 1e3)
        if found is None:
            continue
        before = state.value()
        state.apply(found.move, found.delta)
        after = state.value()
        assert tuple(found.delta) == near(
            Score(after.violation - before.violation, after.objective_m - before.objective_m)
        )
        assert all(_components(problem, members) == 1 for members in state.members if members)


def _components(problem: GroupingProblem, faces: set[int]) -> int:
    root = {face: face for face in faces}

    def find(face: int) -> int:
        while root[face] != face:
            face = root[face]
        return face

    for one, two, length in zip(
        problem.first.tolist(), problem.second.tolist(), problem.lengths_m.tolist(), strict=True
    ):
        if length > 0 and one in faces and two in faces:
            root[find(one)] = find(two)
    return len({find(face) for face in faces})


@given(problems(communities=3))
def test_the_independent_check_holds(drawn: tuple[GroupingProblem, OptimiseParams]) -> None:
    problem, params = drawn
    result = optimise_cells(problem, params)
    assert check_grouping(problem, params, result).failed == ()


@given(problems(communities=3))
def test_each_community_is_grouped_as_if_alone(drawn: tuple[GroupingProblem, OptimiseParams]) -> None:
    problem, params = drawn
    together = optimise_cells(problem, params).groups
    for _, faces, part in split_communities(problem):
        alone = optimise_cells(part, params).groups
        _, mine = np.unique(together[faces], return_inverse=True)
        assert mine.tolist() == np.unique(alone, return_inverse=True)[1].tolist()
