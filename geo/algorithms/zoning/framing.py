"""The frames of a unified layer: cells, lineage, dissolved slivers, correspondence of cells."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.algorithms.components import sum_by_keys
from geo.algorithms.partition.overlay import NO_CELL
from geo.algorithms.zoning.parts import UnifiedPart
from geo.algorithms.zoning.sources import Sources
from geo.model.frames import require_frame


def sum_shares(part: UnifiedPart) -> pd.DataFrame:
    """Return the ground of every source polygon in every cell: columns layer, row, group, area_m2."""
    faces = part.mosaic.faces
    face, layer = np.nonzero(faces.members != NO_CELL)
    table = np.concatenate([np.column_stack((face, layer, faces.members[face, layer])), faces.overlaps.reshape(-1, 3)])
    keys, area = sum_by_keys((table[:, 1], table[:, 2], part.groups[table[:, 0]]), faces.areas_m2[table[:, 0]])
    return pd.DataFrame(dict(zip(("layer", "row", "group"), keys, strict=True)) | {"area_m2": area})


def frame_cells(part: UnifiedPart, shares: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the cells without codes: ``group``, community, area, pieces and main sources."""
    sources = part.sources
    main = shares[shares["layer"] != 0]
    main = main.assign(rounded=main["area_m2"].round(6))
    main = main.sort_values(["group", "layer", "rounded", "row"], ascending=[True, True, False, True])
    main = main.drop_duplicates(["group", "layer"])
    held: list[dict[str, str]] = [{} for _ in part.polygons]
    for layer, rows in main.groupby("layer"):
        codes = sources.codes(int(str(layer)))[rows["row"]]
        zoning = sources.layer_ids[int(str(layer))]
        for group, code in zip(rows["group"], codes, strict=True):
            held[group][zoning] = str(code)
    community = np.empty(len(part.polygons), dtype=np.int64)
    community[part.groups] = part.mosaic.community
    frame = sources.communities
    return gpd.GeoDataFrame(
        {
            "group": np.arange(len(part.polygons)),
            "community_code": frame["code"].to_numpy()[community],
            "community_name": frame["name"].to_numpy()[community],
            "area_m2": shapely.area(part.polygons),
            "pieces": np.bincount(part.groups, minlength=len(part.polygons)),
            "sources": [json.dumps(source, ensure_ascii=False, sort_keys=True) for source in held],
        },
        geometry=shapely.multipolygons(part.polygons, indices=np.arange(len(part.polygons))),
        crs=frame.crs,
    )


def frame_lineage(part: UnifiedPart, cells: gpd.GeoDataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Return the ``lineage`` frame of coded cells with their ``group``."""
    sources = part.sources
    layer, row, group = (shares[name].to_numpy() for name in ("layer", "row", "group"))
    starts = np.cumsum([0, *(len(polygons) for polygons in sources.polygons)])
    source = starts[layer] + row
    place = np.empty(len(cells), dtype=np.int64)
    place[cells["group"].to_numpy()] = np.arange(len(cells))
    cell, area = place[group], shares["area_m2"].to_numpy()
    codes = np.concatenate([sources.codes(number) for number in range(len(sources.layer_ids))])[source]
    cell_codes = cells["code"].to_numpy(dtype=object)[cell]
    zonings = np.array(sources.layer_ids, dtype=object)[layer]
    keys = zip(cell_codes, zonings, codes, layer, range(len(layer)), strict=True)
    order = np.array([key[4] for key in sorted(keys) if key[3] != 0], dtype=np.int64)
    return pd.DataFrame(
        {
            "cell_code": pd.Series(cell_codes[order], dtype="str"),
            "zoning_id": pd.Series(zonings[order], dtype="str"),
            "source_code": pd.Series(codes[order], dtype="str"),
            "area_m2": area[order],
            "share_of_source": (area / shapely.area(np.concatenate(sources.polygons))[source])[order],
            "share_of_cell": (area / cells["area_m2"].to_numpy()[cell])[order],
        }
    )


def frame_slivers(part: UnifiedPart, cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the ``sliver`` frame: the faces that joined a neighbour."""
    faces, chosen = part.mosaic.faces, np.flatnonzero(part.is_dissolved)
    by_group = cells.set_index("group")
    polygons = faces.polygons[chosen]
    members = faces.members[chosen]
    held: list[dict[str, str]] = [{} for _ in chosen]
    for layer in range(1, members.shape[1]):
        codes, zoning = part.sources.codes(layer), part.sources.layer_ids[layer]
        for place in np.flatnonzero(members[:, layer] != NO_CELL):
            held[place][zoning] = str(codes[members[place, layer]])
    return gpd.GeoDataFrame(
        {
            "cell_code": by_group["code"].reindex(part.groups[chosen]).to_numpy(),
            "community_code": by_group["community_code"].reindex(part.groups[chosen]).to_numpy(),
            "area_m2": faces.areas_m2[chosen],
            "mean_width_m": 2 * faces.areas_m2[chosen] / shapely.length(polygons),
            "sources": [json.dumps(source, ensure_ascii=False, sort_keys=True) for source in held],
        },
        geometry=shapely.multipolygons(polygons, indices=np.arange(len(chosen))),
        crs=part.sources.communities.crs,
    )


def frame_overlaps(sources: Sources, overlaps: pd.DataFrame) -> pd.DataFrame:
    """Return the ``cell_overlap`` frame of what :func:`geo.algorithms.zoning.nesting.sum_overlaps` gives."""
    names = np.array(sources.layer_ids, dtype=object)
    columns = {"community_code": sources.codes(0)[overlaps["community"]], "area_m2": overlaps["area_m2"].to_numpy()}
    for side in ("a", "b"):
        layer, row = overlaps[f"layer_{side}"].to_numpy(), overlaps[f"row_{side}"].to_numpy()
        code = np.full(len(overlaps), "", dtype=object)
        for number in np.unique(layer):
            mine = layer == number
            code[mine] = sources.codes(int(number))[row[mine]]
        columns |= {f"zoning_{side}": names[layer], f"cell_{side}": code}
    frame: pd.DataFrame = require_frame("cell_overlap", pd.DataFrame(columns))
    return frame


def read_overlaps(sources: Sources, frame: pd.DataFrame) -> pd.DataFrame:
    """Return what :func:`frame_overlaps` was made of; polygons that are not among the sources get numbers from −2 down."""
    layers = {name: number for number, name in enumerate(sources.layer_ids)}
    codes = [(layer, code) for layer in range(len(layers)) for code in sources.codes(layer)]
    starts = np.cumsum([0, *(len(polygons) for polygons in sources.polygons)])
    known = {key: number - int(starts[key[0]]) for number, key in enumerate(codes)}
    table = pd.DataFrame({"community": 0, "area_m2": frame["area_m2"].to_numpy()})
    for side in ("a", "b"):
        layer = frame[f"zoning_{side}"].map(layers).to_numpy(dtype=np.int64)
        keys = list(zip(layer.tolist(), frame[f"cell_{side}"], strict=True))
        for key in keys:
            known.setdefault(key, NO_CELL - 1 - len(known))
        table[f"layer_{side}"], table[f"row_{side}"] = layer, [known[key] for key in keys]
    return table
