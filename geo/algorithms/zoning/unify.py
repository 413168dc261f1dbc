"""Several zonings become one layer: 一网.

``overlay → slivers → cells`` part by part, then codes, lineage, and which cells of which departments hold common ground.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.algorithms.collection import without_collection
from geo.algorithms.partition.overlay import SnapParams
from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.partition.snapping import propose_tolerance
from geo.algorithms.zoning.codes import CodeScheme, issue_codes
from geo.algorithms.zoning.compose import Amounts, ComposeParams, Policy
from geo.algorithms.zoning.framing import frame_cells, frame_lineage, frame_slivers, sum_shares
from geo.algorithms.zoning.grouping import OptimiseParams
from geo.algorithms.zoning.nesting import sum_overlaps
from geo.algorithms.zoning.parts import UnifiedPart, Wanted, unify_parts
from geo.algorithms.zoning.sources import Sources, arrange_sources
from geo.algorithms.zoning.succession import FormerCells
from geo.algorithms.zoning.workers import Workers
from geo.errors import ParameterError
from geo.model.progress import Progress, ignore_progress, part_of

NO_AMOUNTS = Amounts({}, {})


@dataclass(frozen=True)
class UnifyParams:
    """How to unify.

    Attributes
    ----------
    policy
        ``atomic``, ``reference`` or ``optimised``, see :mod:`geo.algorithms.zoning.compose`.
    reference
        Zoning that leads under ``reference``; its borders lead those of the other zonings under any policy.
    tolerance_m
        Borders nearer than this mean the same line; None takes what the accuracy of the borders suggests.
    slivers
        Limits below which a piece joins a neighbour.
    fill_area_m2
        Under ``reference``: see :class:`geo.algorithms.zoning.compose.ComposeParams`.
    optimise
        Bounds and weights of ``optimised``.
    scheme
        Key of the scheme of grid codes.
    nested_share
        A cell is meant to lie in the cell of another zoning that holds at least this share of it.
    max_border_offset_m
        Widest disagreement that counts as one border drawn twice: two borders each up to 15 m off.
    min_conflict_area_m2, min_conflict_width_m
        Disagreements below these are accuracy of drawing; they are counted, not listed.
    """

    policy: Policy = "atomic"
    reference: str | None = None
    tolerance_m: float | None = None
    slivers: SliverParams = field(default_factory=SliverParams)
    fill_area_m2: float = 5_000.0
    optimise: OptimiseParams = field(default_factory=OptimiseParams)
    scheme: str = "beijing-15"
    nested_share: float = 0.8
    max_border_offset_m: float = 30.0
    min_conflict_area_m2: float = 20.0
    min_conflict_width_m: float = 1.0

    def __post_init__(self) -> None:
        if self.policy == "reference" and self.reference is None:
            raise ParameterError("The policy 'reference' needs the key of the zoning that leads (reference).")
        if self.tolerance_m is not None:
            SnapParams(self.tolerance_m)
        if not 0.5 < self.nested_share <= 1:
            raise ParameterError("The share from which a cell is nested must lie above 0.5 and up to 1.")

    @property
    def compose(self) -> ComposeParams:
        """How faces become cells."""
        return ComposeParams(self.policy, self.slivers, self.fill_area_m2, self.optimise)


@dataclass(frozen=True)
class Surroundings:
    """What unifying takes beside the borders.

    Attributes
    ----------
    amounts
        Households and workload, for the optimised policy.
    former
        The layer before, whose codes stay where its cells stay; None for the first one.
    resolutions_m
        Step of the coordinates of the layers as their files write them.
    wanted
        Communities to unify; None for all.
    workers
        Processes that share the work; None for this one alone.
    """

    amounts: Amounts = NO_AMOUNTS
    former: FormerCells | None = None
    resolutions_m: Sequence[float] = ()
    wanted: Wanted | None = None
    workers: Workers | None = None


@dataclass(frozen=True)
class Unified:
    """The unified layer, or the part of it in some communities.

    Attributes
    ----------
    cells, lineage, slivers
        Frames of the tables ``unified_cell``, ``lineage`` and ``sliver``.
    overlaps
        Which polygons hold common ground, see :func:`geo.algorithms.zoning.nesting.sum_overlaps`.
    sources, part
        What was unified, and the faces and cells as they were computed.
    tolerance_m
        Borders nearer than this were taken for the same line.
    """

    cells: gpd.GeoDataFrame
    lineage: pd.DataFrame
    slivers: gpd.GeoDataFrame
    overlaps: pd.DataFrame
    sources: Sources
    part: UnifiedPart
    tolerance_m: float

    @property
    def snapped_m2(self) -> dict[str, NDArray[np.float64]]:
        """Layer → for each of its polygons a bound of the ground that snapping moved across its border."""
        sweeps = self.part.mosaic.faces.sweeps
        return {
            name: sweeps.of_layer(layer, len(frame)) for layer, (name, frame) in enumerate(self.sources.frames.items())
        }


@without_collection()
def unify_zonings(
    zonings: Mapping[str, gpd.GeoDataFrame],
    communities: gpd.GeoDataFrame,
    scheme: CodeScheme,
    params: UnifyParams,
    progress: Progress = ignore_progress,
    surroundings: Surroundings | None = None,
) -> Unified:
    """Unify zonings into cells that lie in one community each.

    Parameters
    ----------
    zonings
        Zoning id → its ``cell`` frame, all in one metric CRS.
    communities
        ``community`` frame; at least one row.
    scheme
        Scheme of the grid codes.
    params
        Limits and policy.
    progress
        Told how far it is; may raise to stop.
    surroundings
        What else matters.

    Raises
    ------
    MissingLayerError
        No zoning or no community, or the leading zoning is not there.
    InfeasibleError
        A community has more cells than the code scheme has numbers.
    GeometryError
        The borders could not be noded.
    """
    others = surroundings or Surroundings()
    sources = arrange_sources(zonings, communities, params.reference)
    tolerance_m = params.tolerance_m
    if tolerance_m is None:
        tolerance_m = propose_tolerance(sources.polygons, others.resolutions_m)
    part = unify_parts(
        sources,
        params.compose,
        SnapParams(tolerance_m),
        others.amounts,
        others.wanted,
        others.workers,
        part_of(progress, 0.0, 0.8),
    )
    progress("Composing the cells", 0.8)
    shares = sum_shares(part)
    cells = issue_codes(frame_cells(part, shares), communities, scheme, part_of(progress, 0.85, 0.95), others.former)
    lineage, slivers = frame_lineage(part, cells, shares), frame_slivers(part, cells)
    cells = cells.drop(columns="group").reset_index(drop=True)
    progress("Unified", 1.0)
    return Unified(cells, lineage, slivers, sum_overlaps(part.mosaic), sources, part, tolerance_m)
