"""Whatever the streets and teams, a plan passes the independent check, and the same seed gives the same plan."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geo.algorithms.network.build import build_network
from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.noding import NodingParams
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.solve import SolveParams, solve
from geo.model.frames import MODES, require_frame
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolProblem, Team, Visit

QUICK = SolveParams(iterations=8)


@st.composite
def networks(draw: st.DrawFn) -> StreetNetwork:
    """Draw a grid of streets with streets missing, one-way or closed, junctions moved, and some lines across."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns, rows = draw(st.integers(2, 5)), draw(st.integers(2, 4))
    xy = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1) * 100.0
    xy += rng.normal(0, 12, xy.shape)
    lines = [(xy[j, i], xy[j, i + 1]) for j in range(rows) for i in range(columns - 1)]
    lines += [(xy[j, i], xy[j + 1, i]) for j in range(rows - 1) for i in range(columns)]
    kept = rng.random(len(lines)) > draw(st.sampled_from([0.0, 0.2, 0.4]))
    kept[0] = True
    lines = [line for line, keep in zip(lines, kept, strict=True) if keep]
    lines += [tuple(rng.uniform(-50, 100 * columns, (2, 2))) for _ in range(draw(st.integers(0, 3)))]
    count = len(lines)
    one_way = draw(st.sampled_from([0.0, 0.3]))
    closed = draw(st.sampled_from([0.0, 0.3]))
    streets: Any = gpd.GeoDataFrame(
        {
            "street_id": np.arange(1, count + 1),
            "name": "",
            "road_class": np.where(
                rng.random(count) < closed, rng.choice(["lane", "pedestrian"], count), "residential"
            ),
            "oneway": np.where(rng.random(count) < one_way, rng.choice(["forward", "backward"], count), "both"),
            "level": np.where(rng.random(count) < 0.1, 1, 0),
            "maxspeed_kmh": np.nan,
            "attributes": "{}",
        },
        geometry=[shapely.LineString(line) for line in lines],
        crs=4547,
    )
    network, report = build_network(require_frame("street", streets), NodingParams())
    assert report.length_m == pytest.approx(
        shapely.length(streets.geometry.to_numpy()).sum(), abs=2.0 * len(network.edges)
    )
    return network


@st.composite
def problems(draw: st.DrawFn) -> PatrolProblem:
    """Draw teams with their depots where they can leave, required streets, and visits with windows."""
    network = draw(networks())
    teams = []
    for number in range(draw(st.integers(1, 3))):
        mode = draw(st.sampled_from(MODES))
        homes = np.flatnonzero(strong_part(len(network.nodes), network.arcs(mode)))
        assume(len(homes))
        start = draw(st.integers(0, 23)) * 3600.0
        length = draw(st.sampled_from([600.0, 3600.0, 8 * 3600.0]))
        depot = int(homes[draw(st.integers(0, len(homes) - 1))])
        teams.append(Team(f"队{number}", "police", 2, mode, start, start + length, depot))
    edges = draw(st.sets(st.integers(0, len(network.edges) - 1), max_size=len(network.edges)))
    visits = []
    for number in range(draw(st.integers(0, 3))):
        node = draw(st.integers(0, len(network.nodes) - 1))
        begin = draw(st.integers(0, 100_000))
        windows = draw(
            st.sampled_from([(), ((begin, begin + 1800),), ((begin, begin + 60), (begin + 7200, begin + 9000))])
        )
        visits.append(Visit(f"F{number}", "学校", "school", node, 0, 0, draw(st.sampled_from([0.0, 300.0])), windows))
    return PatrolProblem(network, tuple(teams), tuple(sorted(edges)), tuple(visits))


@given(problems())
@settings(max_examples=120)
def test_plans_pass_the_check(problem: PatrolProblem) -> None:
    plan = solve(problem, QUICK)
    assert check_plan(problem, plan).errors == ()
    assert plan.durations_s().max() >= plan.lower_bound_s - 1e-6
    assert set(plan.unserved_edges) <= set(problem.required_edges)
    assert set(plan.unserved_visits) <= set(range(len(problem.visits)))


@given(problems())
def test_same_seed_same_plan(problem: PatrolProblem) -> None:
    one, two = solve(problem, QUICK), solve(problem, QUICK)
    assert one.routes == two.routes
    assert one.unserved_edges == two.unserved_edges
    assert one.unserved_visits == two.unserved_visits


@given(networks())
def test_networks_are_noded(network: StreetNetwork) -> None:
    """Segments end on their junctions, and two of one street level meet at junctions only."""
    lines = network.edges.geometry.to_numpy()
    ends = shapely.get_coordinates(shapely.get_point(lines, 0)), shapely.get_coordinates(shapely.get_point(lines, -1))
    np.testing.assert_array_equal(ends[0], network.xy[network.edges["from_node"]])
    np.testing.assert_array_equal(ends[1], network.xy[network.edges["to_node"]])
    np.testing.assert_allclose(network.edges["length_m"], shapely.length(lines))
    degree = np.bincount(network.edges[["from_node", "to_node"]].to_numpy().ravel(), minlength=len(network.nodes))
    assert degree.tolist() == network.nodes["degree"].tolist()
    assert (degree > 0).all()
