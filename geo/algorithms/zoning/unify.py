"""Several zonings become one layer: 一网.

``overlay → slivers → communities → dissolve → codes → lineage``. The policy is *atomic*: every face of the overlay that is
no sliver is a cell, so that each department can compose its own grid of whole cells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.adjacency import SharedBorders, shared_borders
from geo.algorithms.partition.overlay import NO_CELL, Faces, overlay_layers
from geo.algorithms.partition.slivers import SliverParams, SliverResult, dissolve_slivers
from geo.algorithms.zoning.codes import CodeScheme, issue_codes
from geo.errors import MissingLayerError
from geo.model.progress import Progress, ignore_progress, part_of


@dataclass(frozen=True)
class UnifyParams:
    """How to unify.

    Attributes
    ----------
    slivers
        Limits below which a piece joins a neighbour.
    scheme
        Key of the scheme of grid codes.
    grid_size_m
        Grid to which vertices are rounded for noding.
    nested_share
        A cell is meant to lie in the cell of another zoning that holds at least this share of it.
    max_border_offset_m
        Widest disagreement that counts as one border drawn twice: two borders each up to 15 m off.
    min_conflict_area_m2, min_conflict_width_m
        Disagreements below these are accuracy of drawing; they are counted, not listed.
    """

    slivers: SliverParams = field(default_factory=SliverParams)
    scheme: str = "beijing-15"
    grid_size_m: float = 1e-3
    nested_share: float = 0.8
    max_border_offset_m: float = 30.0
    min_conflict_area_m2: float = 20.0
    min_conflict_width_m: float = 1.0


@dataclass(frozen=True)
class Overlaid:
    """Faces with their neighbours and the layers they come from.

    Attributes
    ----------
    faces, borders
        The overlay and its neighbours.
    layer_ids
        Name of each column of ``faces.members``: the zonings, then ``community`` last.
    sources
        Layer → its frame, with ``code`` and ``name``.
    """

    faces: Faces
    borders: SharedBorders
    layer_ids: tuple[str, ...]
    sources: Mapping[str, gpd.GeoDataFrame]

    @property
    def community_layer(self) -> int:
        """Column of the communities."""
        return len(self.layer_ids) - 1


@dataclass(frozen=True)
class Unified:
    """The unified layer.

    Attributes
    ----------
    cells, lineage
        Frames of the tables ``unified_cell`` and ``lineage``.
    overlaid
        The faces it was made of.
    slivers
        How the faces were grouped.
    unassigned
        Numbers of the cells that lie outside every community and were given to one.
    """

    cells: gpd.GeoDataFrame
    lineage: pd.DataFrame
    overlaid: Overlaid
    slivers: SliverResult
    unassigned: NDArray[np.int64]


COMMUNITY = "community"


def unify_zonings(
    zonings: Mapping[str, gpd.GeoDataFrame],
    communities: gpd.GeoDataFrame,
    scheme: CodeScheme,
    params: UnifyParams,
    progress: Progress = ignore_progress,
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

    Raises
    ------
    MissingLayerError
        No zoning or no community.
    InfeasibleError
        A community has more cells than the code scheme has numbers.
    """
    if not zonings or communities.empty:
        raise MissingLayerError("Unifying needs at least one zoning and the communities. Import them first.")
    progress("Overlaying the borders", 0.0)
    overlaid = _overlay(zonings, communities, params)
    progress("Dissolving slivers", 0.5)
    faces = overlaid.faces
    slivers = dissolve_slivers(
        faces.polygons, faces.members, overlaid.borders, overlaid.community_layer, params.slivers
    )
    progress("Composing the cells", 0.65)
    polygons = _dissolve(faces.polygons, slivers.groups)
    shares = _shares(overlaid, slivers.groups)
    community, unassigned = _communities(polygons, slivers.groups, overlaid, shares)
    cells = _cells(polygons, community, slivers.groups, shares, overlaid)
    cells = issue_codes(cells, communities, scheme, part_of(progress, 0.85, 0.95))
    lineage = _lineage(cells, shares, overlaid)
    cells = cells.drop(columns="group").reset_index(drop=True)
    progress("Unified", 1.0)
    return Unified(cells, lineage, overlaid, slivers, unassigned)


def _overlay(zonings: Mapping[str, gpd.GeoDataFrame], communities: gpd.GeoDataFrame, params: UnifyParams) -> Overlaid:
    sources = {**zonings, COMMUNITY: communities}
    faces = overlay_layers([frame.geometry.to_numpy() for frame in sources.values()], params.grid_size_m)
    return Overlaid(faces, shared_borders(faces.polygons), tuple(sources), sources)


def _dissolve(polygons: NDArray[np.object_], groups: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return the union of the faces of each group."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    result = np.empty(len(starts), dtype=object)
    for number, members in enumerate(np.split(order, starts[1:])):
        result[number] = polygons[members[0]] if len(members) == 1 else shapely.coverage_union_all(polygons[members])
    return result


def _shares(overlaid: Overlaid, groups: NDArray[np.int64]) -> pd.DataFrame:
    """Return the area of every source polygon in every group: columns layer, row, group, area_m2."""
    faces = overlaid.faces
    face, layer = np.nonzero(faces.members != NO_CELL)
    table = np.concatenate([np.column_stack((face, layer, faces.members[face, layer])), faces.overlaps.reshape(-1, 3)])
    frame = pd.DataFrame(
        {
            "layer": table[:, 1],
            "row": table[:, 2],
            "group": groups[table[:, 0]],
            "area_m2": faces.areas_m2[table[:, 0]],
        }
    )
    return frame.groupby(["layer", "row", "group"]).agg({"area_m2": "sum"}).reset_index()


def _communities(
    polygons: NDArray[np.object_], groups: NDArray[np.int64], overlaid: Overlaid, shares: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the community of each group, and the groups that lie outside every community for the most part.

    A group goes to the community that holds most of it. One that lies in none goes to the community that holds most of the
    source cells it is made of, or else to the nearest one.
    """
    layer = overlaid.community_layer
    own = shares[shares["layer"] == layer].sort_values(["group", "area_m2", "row"], ascending=[True, False, True])
    own = own.drop_duplicates("group")
    community = np.full(len(polygons), NO_CELL, dtype=np.int64)
    held = own["area_m2"].to_numpy() > 0.5 * shapely.area(polygons)[own["group"]]
    community[own["group"].to_numpy()] = own["row"].to_numpy()
    unassigned = np.setdiff1d(np.arange(len(polygons)), own["group"].to_numpy()[held])
    lost = np.flatnonzero(community == NO_CELL)
    if len(lost):
        others = shares[shares["layer"] != layer]
        by_cell = others.assign(community=community[others["group"]])
        by_cell = by_cell[by_cell["community"] != NO_CELL]
        totals = by_cell.groupby(["layer", "row", "community"]).agg({"area_m2": "sum"}).reset_index()
        wanted = others[others["group"].isin(lost)].merge(totals, on=["layer", "row"], suffixes=("", "_there"))
        votes = wanted.groupby(["group", "community"]).agg({"area_m2_there": "sum"}).reset_index()
        votes = votes.sort_values(["group", "area_m2_there", "community"], ascending=[True, False, True])
        votes = votes.drop_duplicates("group")
        community[votes["group"]] = votes["community"]
        left = np.flatnonzero(community == NO_CELL)
        tree = shapely.STRtree(overlaid.sources[COMMUNITY].geometry.to_numpy())
        which, nearest = tree.query_nearest(polygons[left], all_matches=False)
        community[left[which]] = nearest
    return community, unassigned


def _cells(
    polygons: NDArray[np.object_],
    community: NDArray[np.int64],
    groups: NDArray[np.int64],
    shares: pd.DataFrame,
    overlaid: Overlaid,
) -> gpd.GeoDataFrame:
    """Return the cells without codes, with their sources."""
    frame = overlaid.sources[COMMUNITY]
    main = shares[shares["layer"] != overlaid.community_layer]
    main = main.sort_values(["group", "layer", "area_m2", "row"], ascending=[True, True, False, True])
    main = main.drop_duplicates(["group", "layer"])
    codes = [source["code"].to_numpy() for source in overlaid.sources.values()]
    sources: list[dict[str, str]] = [{} for _ in polygons]
    for group, layer, row in main[["group", "layer", "row"]].itertuples(index=False):
        sources[group][overlaid.layer_ids[layer]] = str(codes[layer][row])
    return gpd.GeoDataFrame(
        {
            "group": np.arange(len(polygons)),
            "community_code": frame["code"].to_numpy()[community],
            "community_name": frame["name"].to_numpy()[community],
            "area_m2": shapely.area(polygons),
            "pieces": np.bincount(groups, minlength=len(polygons)),
            "sources": [json.dumps(source, ensure_ascii=False) for source in sources],
        },
        geometry=shapely.multipolygons(polygons, indices=np.arange(len(polygons))),
        crs=frame.crs,
    )


def _lineage(cells: gpd.GeoDataFrame, shares: pd.DataFrame, overlaid: Overlaid) -> pd.DataFrame:
    """Return the ``lineage`` frame."""
    by_group = cells.set_index("group")
    table = shares[shares["layer"] != overlaid.community_layer]
    parts = []
    for layer, rows in table.groupby("layer"):
        frame = overlaid.sources[overlaid.layer_ids[int(str(layer))]]
        row = rows["row"].to_numpy()
        parts.append(
            pd.DataFrame(
                {
                    "cell_code": by_group["code"].reindex(rows["group"]).to_numpy(),
                    "zoning_id": overlaid.layer_ids[int(str(layer))],
                    "source_code": frame["code"].to_numpy()[row],
                    "area_m2": rows["area_m2"].to_numpy(),
                    "share_of_source": rows["area_m2"].to_numpy() / frame.area.to_numpy()[row],
                    "share_of_cell": rows["area_m2"].to_numpy() / by_group["area_m2"].reindex(rows["group"]).to_numpy(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True).sort_values(["cell_code", "zoning_id", "source_code"], ignore_index=True)
