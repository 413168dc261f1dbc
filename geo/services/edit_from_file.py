"""Edit cells of a zoning with a file: its features are the cells as they shall be, read and mapped as an import does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geo.algorithms.repair import RepairResult, repair_layer
from geo.errors import SchemaError
from geo.formats.columns import choose_columns
from geo.formats.conform import Conformer, conform_layer
from geo.formats.own_exports import restore_own_export
from geo.formats.personal import find_personal_values
from geo.formats.plausible import project_layer
from geo.formats.sources import SourceLayer, SourceParams, read_source
from geo.model.frames import require_frame
from geo.model.progress import Progress, ignore_progress, part_of, tell_stored
from geo.model.reports import EditReport
from geo.model.text import Phrase
from geo.services.edit_cells import apply_edit, require_codes
from geo.services.extent import read_extent
from geo.services.repair_list import list_repairs, store_repairs
from geo.storage.store import Store
from geo.storage.transaction import Transaction

__all__ = ["SourceParams", "edit_cells_from_file"]


def edit_cells_from_file(
    store: Store,
    path: Path,
    zoning_id: str,
    source: SourceParams,
    columns: Mapping[str, str],
    removed: tuple[str, ...] = (),
    progress: Progress = ignore_progress,
) -> EditReport:
    """Change or add the cells of a file in a zoning, take others away, and unify again what that touches.

    A feature whose code the zoning has replaces that cell; what the file does not tell of it (name, community, further
    columns) stays. Other features are new cells. Nothing is stored unless every feature can be used.

    Parameters
    ----------
    store
        Of the project.
    path
        Any file that an import takes.
    zoning_id
        Key of the zoning.
    source
        Layer, encoding, CRS and axes of the file.
    columns
        Column here → column of the file, where the table of names does not find it.
    removed
        Codes of cells to take away.
    progress
        Told how far it is; may raise to stop.

    Raises
    ------
    InputError
        The file cannot be read, a feature cannot be used or has no code, or a cell to be removed is not there.
    ParameterError
        The file or the list of removed cells names a code twice.
    MissingLayerError
        There is no such zoning, or no unified layer yet.
    CheckFailedError
        The independent check refused the result; nothing is stored.
    """
    progress("Reading the file", 0.0)
    layer = read_source(path, source)
    with store.begin() as transaction:
        rows, _ = project_layer(layer, transaction.project.epsg, read_extent(transaction), is_swapped=source.swap_xy)
        rows, own = restore_own_export("zoning", "cell", rows)
        repaired = repair_layer(rows, "MULTIPOLYGON")
        _require_all(repaired, layer)
        cells = _cells(transaction, repaired.frame, {**own, **columns}, layer, zoning_id)
        require_codes([*cells["code"], *removed])
        report = apply_edit(transaction, zoning_id, cells, removed, part_of(progress, 0.1, 1.0))
        numbers = repaired.frame["row"].tolist()
        repairs = list_repairs(repaired.repairs, "cell", zoning_id, layer.source, numbers, cells["code"].tolist())
        store_repairs(transaction, repairs, "cell", zoning_id, replaces=False)
    tell_stored(progress, "Edited")
    return report


def _require_all(repaired: RepairResult, layer: SourceLayer) -> None:
    """Refuse a file of which a feature would be left out: an edit must not lose a cell in silence."""
    left_out = [finding for finding in repaired.findings if finding.severity == "error"]
    if left_out or repaired.frame.empty:
        finding = (left_out or repaired.findings)[0]
        raise SchemaError(
            "'{file}' holds features that cannot be used as cells. {reason} Correct them, then edit again.",
            file=layer.source,
            reason=Phrase(finding.message, **finding.context),
        )


def _cells(
    transaction: Transaction, rows: gpd.GeoDataFrame, wanted: Mapping[str, str], layer: SourceLayer, zoning_id: str
) -> gpd.GeoDataFrame:
    """Return the features as ``cell`` frame; what the file does not tell of a known cell stays."""
    names = [str(name) for name in rows.columns if name not in (rows.geometry.name, "row")]
    choice = choose_columns("zoning", names, wanted)
    choice = choice.without_personal(find_personal_values(rows, choice.unmapped))
    conformer = Conformer(rows, choice, layer.source)
    conformer.require_column("code")
    codes, told = conformer.text("code"), {name: conformer.text(name) for name in ("name", "community_name")}
    blank = codes == ""
    if blank.any():
        raise SchemaError(
            "'{file}', feature {row}: there is no code. An edit finds its cells by their codes.",
            file=layer.source,
            row=int(rows.loc[blank, "row"].iloc[0]),
        )
    frame = conform_layer("zoning", conformer, set(), transaction.project.time_zone)
    frame["code"], frame["zoning_id"] = codes.tolist(), zoning_id
    known = transaction.read("cell", where={"zoning_id": zoning_id, "code": codes.tolist()}).set_index("code")
    for name, given in told.items():
        before = codes.map(known[name])
        frame[name] = frame[name].where((given != "") | before.isna(), before)
    if not choice.unmapped:
        before = codes.map(known["attributes"])
        frame["attributes"] = frame["attributes"].where(before.isna(), before)
    checked: gpd.GeoDataFrame = require_frame("cell", frame.astype({"community_name": pd.StringDtype()}))
    return checked
