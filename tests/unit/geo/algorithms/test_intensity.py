"""The kernel estimate against its formula, summed directly."""

from __future__ import annotations

import numpy as np
import pytest

from geo.algorithms.risk.intensity import IntensityParams, Raster, estimate_intensity, recency_weights
from geo.errors import ParameterError

BANDWIDTH, SIZE = 200.0, 10.0
RASTER = Raster(0, 0, SIZE, 100, 80)


def direct(xy: np.ndarray, weights: np.ndarray, raster: Raster, bandwidth: float) -> np.ndarray:
    """Return the sum of quartic kernels 3/(π·h²)·(1 − d²/h²)² (Silverman 1986) at the middle of each cell."""
    centres = raster.centres()
    d2 = ((centres[:, None, :] - xy[None, :, :]) ** 2).sum(axis=2) / bandwidth**2
    kernel = np.where(d2 < 1, 3 / (np.pi * bandwidth**2) * (1 - d2) ** 2, 0)
    return (kernel @ weights).reshape(raster.rows, raster.columns)


def estimate(xy: list[tuple[float, float]], weights: list[float] | None = None) -> np.ndarray:
    points = np.array(xy, dtype=float).reshape(-1, 2)
    return estimate_intensity(points, np.array(weights or [1.0] * len(xy)), RASTER, BANDWIDTH)


def test_one_incident_has_the_peak_of_the_formula() -> None:
    values = estimate([(505, 405)])
    assert np.unravel_index(values.argmax(), values.shape) == (40, 50)
    assert values.max() == pytest.approx(3 / (np.pi * BANDWIDTH**2), rel=2e-3)


def test_mass_is_the_number_of_incidents() -> None:
    rng = np.random.default_rng(1)
    inside = rng.uniform((BANDWIDTH, BANDWIDTH), (1000 - BANDWIDTH, 800 - BANDWIDTH), (500, 2))
    values = estimate_intensity(inside, np.ones(500), RASTER, BANDWIDTH)
    assert values.sum() * SIZE**2 == pytest.approx(500, rel=1e-9)
    weights = rng.uniform(0, 1, 500)
    assert estimate_intensity(inside, weights, RASTER, BANDWIDTH).sum() * SIZE**2 == pytest.approx(
        weights.sum(), rel=1e-9
    )


def test_agrees_with_direct_summation_on_cell_centres() -> None:
    """Incidents in the middle of cells lose nothing by counting, near the edge too."""
    rng = np.random.default_rng(2)
    xy = (rng.integers((0, 0), (100, 80), (60, 2)) + 0.5) * SIZE
    weights = rng.uniform(0.1, 2, 60)
    values = estimate_intensity(xy, weights, RASTER, BANDWIDTH)
    np.testing.assert_allclose(values, direct(xy, weights, RASTER, BANDWIDTH), rtol=2e-3, atol=1e-12)


def test_agrees_with_direct_summation_anywhere() -> None:
    """Elsewhere the position is off by at most half a cell."""
    rng = np.random.default_rng(3)
    xy = rng.uniform((0, 0), (1000, 800), (200, 2))
    values, truth = estimate(xy.tolist()), direct(xy, np.ones(200), RASTER, BANDWIDTH)
    assert np.abs(values - truth).max() < 0.05 * truth.max()


def test_disc_of_influence() -> None:
    values = estimate([(505, 405)])
    distance = np.hypot(*(RASTER.centres() - (505, 405)).T).reshape(values.shape)
    assert (values[distance > BANDWIDTH + 1] < 1e-15).all()
    assert (values[distance < BANDWIDTH - SIZE] > 1e-9).all()
    assert (values >= 0).all()


def test_incidents_outside_do_not_count() -> None:
    assert estimate([(-50, 400), (1200, 400)]).max() == 0


def test_no_incident() -> None:
    assert estimate([]).tolist() == np.zeros((80, 100)).tolist()


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((12, 27, 118, 99), Raster(10, 20, 10, 11, 8)),
        ((10, 20, 110, 100), Raster(10, 20, 10, 10, 8)),
        ((-5, -5, 5, 5), Raster(-10, -10, 10, 2, 2)),
        ((10, 20, 10, 20), Raster(10, 20, 10, 1, 1)),
    ],
)
def test_raster_covers_the_bounds(bounds: tuple[float, float, float, float], expected: Raster) -> None:
    raster = Raster.over(bounds, 10)
    assert raster == expected
    assert raster.x0 <= bounds[0] <= bounds[2] <= raster.x0 + 10 * raster.columns
    assert raster.y0 <= bounds[1] <= bounds[3] <= raster.y0 + 10 * raster.rows


def test_centres_run_row_by_row_from_the_south() -> None:
    assert Raster(0, 0, 10, 2, 2).centres().tolist() == [[5, 5], [15, 5], [5, 15], [15, 15]]


def test_recency() -> None:
    assert recency_weights(np.array([0, 180, 360, -5.0]), 180).tolist() == [1, 0.5, 0.25, 1]


@pytest.mark.parametrize(
    "wrong", [{"cell_size_m": 126}, {"cell_size_m": 0}, {"half_life_days": 0}, {"bandwidth_m": -1}]
)
def test_parameters(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        IntensityParams(**wrong)
