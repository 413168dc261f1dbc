"""Which column of a file is which column here: proposed from the file, corrected by the user, kept as a named profile.

Offices hand over the same kinds of files again and again. A profile keeps one mapping under a name with the project, and
can be written to a file for another project.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import FileFormatError, ParameterError, StorageError
from geo.formats.columns import REQUIRED_COLUMNS, choose_columns, find_personal_values, known_targets
from geo.formats.own_exports import restore_own_export
from geo.formats.sources import SourceParams, read_source
from geo.model.frames import IMPORT_KINDS
from geo.model.reports import Finding, Report
from geo.storage.store import Store
from geo.storage.transaction import Transaction

_STEP = "profile"
_MAX_NAME = 60
_SAMPLES, _SAMPLE_LENGTH = 5, 60


@dataclass(frozen=True)
class ColumnProfile:
    """A mapping with a name.

    Attributes
    ----------
    name
        Shown to users; unique within the kind of layer.
    kind
        One of :data:`geo.model.frames.IMPORT_KINDS`.
    columns
        Column here → column of the file; empty text leaves a column of ours open.
    """

    name: str
    kind: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _MAX_NAME or self.name.lower().endswith(".json"):
            raise ParameterError(
                "A column profile needs a name of at most {limit} characters that does not end in .json; given was "
                "'{name}'.",
                limit=_MAX_NAME,
                name=self.name[: 2 * _MAX_NAME],
            )
        if self.kind not in IMPORT_KINDS:
            raise ParameterError(
                "'{kind}' is not a kind of layer. Known are {kinds}.", kind=self.kind, kinds=", ".join(IMPORT_KINDS)
            )
        targets = known_targets(self.kind)
        unknown = [target for target in self.columns if target not in targets]
        if unknown or not all(isinstance(source, str) for source in self.columns.values()):
            raise ParameterError(
                "The column profile '{name}' names the columns {unknown}; a {kind} layer has {columns}.",
                name=self.name,
                unknown=", ".join(unknown) or "-",
                kind=self.kind,
                columns=", ".join(targets),
            )


@dataclass(frozen=True)
class SourceColumn:
    """One column of a file.

    Attributes
    ----------
    name
        As the file writes it.
    target
        Column here that it is taken for; empty when it stays an attribute.
    is_personal
        Whether it is left out because it looks as if it told of persons.
    samples
        A few different values; none of a personal column.
    """

    name: str
    target: str
    is_personal: bool
    samples: tuple[str, ...]


@dataclass(frozen=True)
class ColumnProposal(Report):
    """How the columns of a file would be taken.

    Attributes
    ----------
    kind, source, layer, encoding, rows
        What was looked at.
    columns
        Columns of the file, in its order.
    chosen
        Column here → column of the file.
    missing
        Columns here that the import needs and no column of the file was found for.
    unfilled
        Other columns here that stay empty or get a default.
    findings
        What was odd, such as a column of the profile that the file lacks.
    """

    kind: str
    source: str
    layer: str
    encoding: str
    rows: int
    columns: tuple[SourceColumn, ...]
    chosen: Mapping[str, str]
    missing: tuple[str, ...]
    unfilled: tuple[str, ...]
    findings: tuple[Finding, ...]


def propose_columns(
    path: Path,
    kind: str,
    source: SourceParams | None = None,
    wanted: Mapping[str, str] | None = None,
    profile: ColumnProfile | None = None,
) -> ColumnProposal:
    """Read a file and return how its columns would be taken, without storing anything.

    Parameters
    ----------
    path
        The file.
    kind
        What it would be imported as.
    source
        How to read it.
    wanted
        Column here → column of the file, as the user corrected it; wins over the profile, and that over the table of names.
    profile
        Profile to apply.

    Raises
    ------
    InputError
        The file cannot be read, or ``wanted`` names a column that is not there.
    """
    if kind not in IMPORT_KINDS:
        raise ParameterError(
            "'{kind}' is not a kind of layer. Known are {kinds}.", kind=kind, kinds=", ".join(IMPORT_KINDS)
        )
    layer = read_source(path, source)
    frame, own = restore_own_export(kind, "cell" if kind == "zoning" else kind, layer.frame)
    names = [str(name) for name in frame.columns if name != frame.geometry.name]
    corrected, findings = combine_columns(profile, {**own, **(wanted or {})}, names)
    choice = choose_columns(kind, names, corrected)
    choice = choice.without_personal(find_personal_values(frame, choice.unmapped))
    target_of = {column: target for target, column in choice.chosen.items()}
    personal = {*choice.personal, *find_personal_values(frame, tuple(choice.chosen.values()))}
    columns = tuple(
        SourceColumn(
            name, target_of.get(name, ""), name in choice.personal, () if name in personal else _samples(frame[name])
        )
        for name in names
    )
    open_targets = [target for target in known_targets(kind) if target not in choice.chosen]
    required = REQUIRED_COLUMNS.get(kind, ())
    return ColumnProposal(
        kind=kind,
        source=layer.source,
        layer=layer.layer,
        encoding=layer.encoding,
        rows=len(frame),
        columns=columns,
        chosen=choice.chosen,
        missing=tuple(target for target in open_targets if target in required),
        unfilled=tuple(target for target in open_targets if target not in required),
        findings=tuple(findings),
    )


def _samples(values: pd.Series) -> tuple[str, ...]:
    """Return the first different values as short texts."""
    found: dict[str, None] = {}
    for value in values.dropna():
        text = str(value).strip()
        if text:
            found[text if len(text) <= _SAMPLE_LENGTH else f"{text[:_SAMPLE_LENGTH]}…"] = None
        if len(found) == _SAMPLES:
            break
    return tuple(found)


def combine_columns(
    profile: ColumnProfile | None, wanted: Mapping[str, str], names: Sequence[str]
) -> tuple[dict[str, str], list[Finding]]:
    """Return what the user said and what the profile adds, and a warning about columns of it that the file lacks."""
    added = {target: source for target, source in (profile.columns if profile else {}).items() if target not in wanted}
    lacking = [source for source in added.values() if source and source not in names]
    kept = {target: source for target, source in added.items() if source not in lacking}
    if profile is None or not lacking:
        return {**kept, **wanted}, []
    message = "The file lacks columns of the profile '{profile}': {columns}. They were looked for by their usual names."
    context = {"profile": profile.name, "columns": ", ".join(lacking)}
    return {**kept, **wanted}, [Finding("profile_columns", "warning", message, len(lacking), context=context)]


def list_profiles(store: Store) -> list[ColumnProfile]:
    """Return the profiles of a project by kind and name; none when there is no project.

    Raises
    ------
    StorageError
        The store cannot be read.
    """
    if not store.exists():
        return []
    with store.begin() as transaction:
        return _read_all(transaction)


def _read_all(transaction: Transaction) -> list[ColumnProfile]:
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for body in transaction.reports(_STEP):
        newest[body["kind"], body["name"]] = body
    kept = [body for _, body in sorted(newest.items()) if not body.get("is_deleted")]
    return [ColumnProfile(body["name"], body["kind"], body["columns"]) for body in kept]


def read_profile(store: Store, kind: str, name: str) -> ColumnProfile:
    """Return a profile of a project.

    Raises
    ------
    ParameterError
        There is no such profile; the message names those that there are.
    """
    known = list_profiles(store)
    found = next((profile for profile in known if (profile.kind, profile.name) == (kind, name)), None)
    if found is None:
        raise ParameterError(
            "There is no column profile '{name}' for {kind} layers. Known are: {known}.",
            name=name,
            kind=kind,
            known=", ".join(f"{profile.name} ({profile.kind})" for profile in known) or "-",
        )
    return found


def save_profile(store: Store, profile: ColumnProfile) -> None:
    """Keep a profile with the project; one of the same kind and name is replaced.

    Raises
    ------
    ProjectNotFoundError
        There is no project yet.
    StorageError
        The store cannot be written.
    """
    with store.begin() as transaction:
        keep_profile(transaction, profile)


def keep_profile(transaction: Transaction, profile: ColumnProfile) -> None:
    """Keep a profile inside a running transaction."""
    transaction.save_report(_STEP, {"name": profile.name, "kind": profile.kind, "columns": dict(profile.columns)})


def delete_profile(store: Store, kind: str, name: str) -> None:
    """Remove a profile.

    Raises
    ------
    ParameterError
        There is no such profile.
    """
    profile = read_profile(store, kind, name)
    with store.begin() as transaction:
        transaction.save_report(_STEP, {"name": profile.name, "kind": profile.kind, "columns": {}, "is_deleted": True})


def write_profile_file(profile: ColumnProfile, path: Path) -> Path:
    """Write a profile as a JSON file for another project.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    body = {"yiwang_profile": 1, "name": profile.name, "kind": profile.kind, "columns": dict(profile.columns)}
    try:
        path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            "{place} cannot be written. Allow writing to the file and its folder, or work on a copy.", place=path.name
        ) from error
    return path


def read_profile_file(path: Path) -> ColumnProfile:
    """Read a profile that :func:`write_profile_file` wrote.

    Raises
    ------
    FileFormatError
        The file is missing or no profile.
    ParameterError
        It names columns or a kind that are not known.
    """
    try:
        body = json.loads(path.read_text("utf-8-sig"))
        return ColumnProfile(str(body["name"]), str(body["kind"]), dict(body["columns"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise FileFormatError(
            "'{file}' is no column profile. Write one with: yiwang columns FILE --kind KIND --write PROFILE.json",
            file=path.name,
        ) from error
