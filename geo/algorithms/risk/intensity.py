"""Intensity of incidents: a kernel estimate on a square raster.

The quartic kernel ``k(d) = 3/(π·h²)·(1 − d²/h²)²`` for ``d < h`` (Silverman 1986, section 4.2) spreads each incident over
a disc of radius ``h``. Incidents are counted on the raster first and the counts are convolved with the kernel, so that the
cost does not depend on their number; the error is below half a raster cell of position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve

from geo.errors import ParameterError

_MAX_CELLS = 20_000_000


@dataclass(frozen=True)
class IntensityParams:
    """How to estimate.

    Attributes
    ----------
    bandwidth_m
        Radius of the kernel. 250 m: hot spots are a few street segments.
    cell_size_m
        Side of a raster cell; from a hundredth to half of the bandwidth.
    half_life_days
        Age at which an incident counts half for the ranking of cells; old ones tell less about tomorrow.
    """

    bandwidth_m: float = 250.0
    cell_size_m: float = 50.0
    half_life_days: float = 180.0

    def __post_init__(self) -> None:
        if not self.bandwidth_m / 100 <= self.cell_size_m <= self.bandwidth_m / 2 or not self.half_life_days > 0:
            raise ParameterError(
                "The raster cell must be between a hundredth and half of the bandwidth; the half-life must be above 0."
            )


@dataclass(frozen=True)
class Raster:
    """A square raster over an area.

    Attributes
    ----------
    x0, y0
        Lower left corner, metres.
    cell_size_m
        Side of a cell.
    columns, rows
        Size.
    """

    x0: float
    y0: float
    cell_size_m: float
    columns: int
    rows: int

    @classmethod
    def over(cls, bounds: tuple[float, float, float, float], cell_size_m: float) -> Raster:
        """Return a raster that covers bounds, its corner on a multiple of the cell size.

        Raises
        ------
        ParameterError
            It would have too many cells.
        """
        x0, y0 = (np.floor(np.array(bounds[:2]) / cell_size_m) * cell_size_m).tolist()
        columns = int(np.ceil((bounds[2] - x0) / cell_size_m)) or 1
        rows = int(np.ceil((bounds[3] - y0) / cell_size_m)) or 1
        if columns * rows > _MAX_CELLS:
            raise ParameterError(
                "A raster of {size_m} m over this area has {count:,} cells, more than {limit:,}. Choose larger cells.",
                size_m=cell_size_m,
                count=columns * rows,
                limit=_MAX_CELLS,
            )
        return cls(x0, y0, cell_size_m, columns, rows)

    def centres(self) -> NDArray[np.float64]:
        """Return the middle of each cell, shape (rows·columns, 2), row by row from the south."""
        x = self.x0 + (np.arange(self.columns) + 0.5) * self.cell_size_m
        y = self.y0 + (np.arange(self.rows) + 0.5) * self.cell_size_m
        return np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])


def estimate_intensity(
    xy: NDArray[np.float64], weights: NDArray[np.float64], raster: Raster, bandwidth_m: float
) -> NDArray[np.float64]:
    """Return weighted incidents per m² at the middle of each raster cell, shape (rows, columns).

    Parameters
    ----------
    xy
        Shape (n, 2): incidents; those outside the raster do not count.
    weights
        Shape (n,): 1 for each incident, or less for older ones.
    raster
        Where to estimate.
    bandwidth_m
        Radius of the kernel.
    """
    size = raster.cell_size_m
    edges_x = raster.x0 + size * np.arange(raster.columns + 1)
    edges_y = raster.y0 + size * np.arange(raster.rows + 1)
    counts = np.histogram2d(xy[:, 1], xy[:, 0], bins=(edges_y, edges_x), weights=weights)[0]
    reach = int(np.ceil(bandwidth_m / size))
    offset = np.arange(-reach, reach + 1) * size
    distance2 = (offset[:, None] ** 2 + offset[None, :] ** 2) / bandwidth_m**2
    kernel = np.where(distance2 < 1, (1 - distance2) ** 2, 0.0)
    kernel /= kernel.sum() * size**2  # so that each incident counts exactly once on the raster
    return np.asarray(convolve(counts, kernel, mode="constant"), dtype=np.float64)


def recency_weights(age_days: NDArray[np.float64], half_life_days: float) -> NDArray[np.float64]:
    """Return ``2^(−age/half-life)``; incidents in the future of the newest count 1."""
    return np.asarray(0.5 ** (np.maximum(age_days, 0.0) / half_life_days), dtype=np.float64)
