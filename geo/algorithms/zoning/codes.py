"""Grid codes: schemes as data, numbers west to east and north to south within a community, stable under edits.

The rules
---------
A cell keeps its code when it and a former cell of the same community hold more than half of each other. Every other cell
gets a number that no cell of its community ever had: the numbers after the highest one, in reading order. Numbers of ended
cells are not given again. Where the scheme says so, the only cell of an undivided community has a fixed number; it stands
for the community's whole ground, so that it is the same cell whenever the community is undivided.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.zoning.succession import FormerCells, match_former
from geo.errors import InfeasibleError, ParameterError
from geo.model.progress import Progress, ignore_progress

_COMMUNITY_DIGITS = 12
_LAST_COMMUNITY = 999


@dataclass(frozen=True)
class CodeScheme:
    """A scheme of grid codes.

    Attributes
    ----------
    key, title
        Key in the table of schemes and what it is.
    object_code
        Digits before the county.
    sequence_digits
        Digits of the number within the community.
    prefix
        County and street (9 digits) for communities without an official code of 12 digits.
    undivided
        Number of the only cell of an undivided community; None where it is numbered like any other.
    first_community
        Number from which communities without an official code are numbered.
    """

    key: str
    title: str
    object_code: str
    sequence_digits: int
    prefix: str = "000000000"
    undivided: int | None = None
    first_community: int = 1

    def __post_init__(self) -> None:
        if len(self.prefix) != 9 or not self.prefix.isdigit():
            raise ParameterError(
                "The prefix of grid codes must be 9 digits (county 6, street 3); '{prefix}' is not.", prefix=self.prefix
            )

    @property
    def last_number(self) -> int:
        """Highest number that a cell can have."""
        return int(10**self.sequence_digits - 1)


@cache
def scheme_keys() -> tuple[str, ...]:
    """Return the keys of the known schemes."""
    return tuple(_schemes())


@cache
def _schemes() -> dict[str, dict[str, str | int]]:
    return tomllib.loads(resources.files("geo.algorithms.zoning").joinpath("code_schemes.toml").read_text("utf-8"))


def find_scheme(key: str, prefix: str) -> CodeScheme:
    """Return a scheme by its key.

    Raises
    ------
    ParameterError
        There is no such scheme, or the prefix is not 9 digits.
    """
    if key not in _schemes():
        raise ParameterError(
            "'{key}' is not a known scheme of grid codes. Known are {known}.", key=key, known=", ".join(scheme_keys())
        )
    row = _schemes()[key]
    return CodeScheme(
        key,
        str(row["title"]),
        str(row["object"]),
        int(row["sequence_digits"]),
        prefix,
        int(row["undivided"]) if "undivided" in row else None,
        int(row["first_community"]),
    )


def issue_codes(
    cells: gpd.GeoDataFrame,
    communities: gpd.GeoDataFrame,
    scheme: CodeScheme,
    progress: Progress = ignore_progress,
    former: FormerCells | None = None,
) -> gpd.GeoDataFrame:
    """Return the cells with ``code``, ``name`` and ``sequence``, ordered by code.

    The reading order within a community: cells are cut into bands from north to south, each as high as the side of a square
    of the community's median cell, and run west to east within a band, by their centroid.

    Communities are coded independently of each other: all cells of some communities, with the former cells of these, get
    the codes that they would get together with all others.

    Parameters
    ----------
    cells
        With ``community_code``, ``community_name`` and ``area_m2``; all cells of each community that occurs.
    communities
        ``community`` frame, whole; its codes of 12 digits are used. Others keep the number of 3 digits that they have in
        the former codes, or get one that was never used, in the order of their rows.
    scheme
        The scheme.
    progress
        Told how far it is.
    former
        The last layer and the history of codes; None for the first issue.

    Raises
    ------
    InfeasibleError
        A community needs more numbers than the sequence has digits for, or there are too many communities without code.
    """
    progress("Issuing grid codes", 0.0)
    used = _used_numbers(scheme, former)
    frame = _in_reading_order(cells)
    parts = _community_parts(frame, communities, scheme, used)
    frame["part"] = pd.Series([parts[code] for code in frame["community_code"]], index=frame.index, dtype="str")
    frame["sequence"] = _numbers(frame, scheme, used, former)
    _require_digits(frame, scheme)
    number = [f"{value:0{scheme.sequence_digits}d}" for value in frame["sequence"].tolist()]
    for column, first, source in (("code", scheme.object_code, "part"), ("name", "", "community_name")):
        texts = [f"{first}{text}{digits}" for text, digits in zip(frame[source].tolist(), number, strict=True)]
        frame[column] = pd.Series(texts, index=frame.index, dtype="str")
    return frame.drop(columns="part").sort_values("code", ignore_index=True)


def _in_reading_order(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    x, y = shapely.get_coordinates(shapely.centroid(cells.geometry.to_numpy())).T
    community = np.unique(cells["community_code"].to_numpy(dtype=object), return_inverse=True)[1]
    by_community = pd.DataFrame({"area_m2": cells["area_m2"].to_numpy(), "y": y}).groupby(community)
    side = by_community["area_m2"].median().to_numpy()[community] ** 0.5
    top = by_community["y"].max().to_numpy()[community]
    band = np.floor((top - y) / side).astype(np.int64)
    return cells.iloc[np.lexsort((y, x, band, community))].reset_index(drop=True)


def _used_numbers(scheme: CodeScheme, former: FormerCells | None) -> pd.DataFrame:
    """Return the codes of this scheme that were ever issued: columns code, community_code, part, number."""
    columns = ["code", "community_code"]
    tables = [] if former is None else [former.history[columns], pd.DataFrame(former.cells[columns])]
    start = len(scheme.object_code)
    end = start + _COMMUNITY_DIGITS
    pattern = re.compile(rf"{scheme.object_code}\d{{{_COMMUNITY_DIGITS + scheme.sequence_digits}}}", re.ASCII)
    pairs = dict.fromkeys(pair for table in tables for pair in zip(*(table[name] for name in columns), strict=True))
    rows = [(code, community, code[start:end], int(code[end:])) for code, community in pairs if pattern.fullmatch(code)]
    texts = [pd.Series([row[k] for row in rows], dtype="str") for k in range(3)]
    numbers = pd.Series([row[3] for row in rows], dtype="int64")
    return pd.DataFrame(dict(zip((*columns, "part", "number"), (*texts, numbers), strict=True)))


def _community_parts(
    cells: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, scheme: CodeScheme, used: pd.DataFrame
) -> dict[str, str]:
    """Return community code → the twelve digits that stand for it in grid codes, for the communities with cells."""
    codes = communities["code"].astype("str")
    official = codes[codes.str.fullmatch(rf"\d{{{_COMMUNITY_DIGITS}}}")]
    parts = dict(zip(official, official, strict=True))
    ours = used["part"].str.startswith(scheme.prefix) & ~used["part"].isin(official)
    known = used[ours & ~used["community_code"].isin(official)]
    parts |= dict(zip(known["community_code"], known["part"], strict=True))
    taken = {*parts.values(), *used["part"]}
    numbers = range(scheme.first_community, _LAST_COMMUNITY + 1)
    free = iter([part for part in (f"{scheme.prefix}{number:03d}" for number in numbers) if part not in taken])
    with_cells = set(cells["community_code"].astype("str"))
    missing = [code for code in dict.fromkeys(codes) if code in with_cells and code not in parts]
    for code in missing:
        part = next(free, None)
        if part is None:
            raise InfeasibleError(
                "{count} communities have no official code of 12 digits; numbers from {first} to {last} do not suffice. "
                "Import their codes.",
                count=int((~codes.isin(official)).sum()),
                first=scheme.first_community,
                last=_LAST_COMMUNITY,
            )
        parts[code] = part
    return parts


def _numbers(
    cells: gpd.GeoDataFrame, scheme: CodeScheme, used: pd.DataFrame, former: FormerCells | None
) -> NDArray[np.int64]:
    """Return the number of each cell, kept or new; shape (n,)."""
    numbers = _kept_numbers(cells, used, former)
    if scheme.undivided is not None:
        numbers[numbers == scheme.undivided] = -1
        alone = cells.groupby("community_code")["part"].transform("size").to_numpy() == 1
        numbers[alone] = scheme.undivided
    new = numbers < 0
    highest = cells["part"].map(used.groupby("part")["number"].max()).fillna(0).to_numpy(dtype="int64")
    order = cells.loc[new].groupby("part").cumcount().to_numpy()
    numbers[new] = highest[new] + 1 + order
    return numbers


def _kept_numbers(cells: gpd.GeoDataFrame, used: pd.DataFrame, former: FormerCells | None) -> NDArray[np.int64]:
    """Return the number that each cell keeps from the former layer, or −1; shape (n,)."""
    numbers = np.full(len(cells), -1, dtype=np.int64)
    if former is None or former.cells.empty:
        return numbers
    matches = match_former(cells, former.cells)
    found = np.flatnonzero(matches >= 0)
    by_code = used.drop_duplicates("code").set_index("code")
    code = former.cells["code"].astype("str").to_numpy()[matches[found]]
    part, number = by_code["part"].reindex(code).to_numpy(), by_code["number"].reindex(code, fill_value=-1).to_numpy()
    fits = part == cells["part"].to_numpy()[found]
    numbers[found[fits]] = number[fits]
    return numbers


def _require_digits(cells: gpd.GeoDataFrame, scheme: CodeScheme) -> None:
    if cells.empty or cells["sequence"].max() <= scheme.last_number:
        return
    row = cells.loc[cells["sequence"].idxmax()]
    community = str(row["community_code"])
    count = int((cells["community_code"] == row["community_code"]).sum())
    if count > scheme.last_number:
        raise InfeasibleError(
            "Community '{community}' has {count} cells, but codes of scheme {scheme} have numbers up to {limit}. Choose a "
            "scheme with more digits or larger limits for slivers.",
            community=community,
            count=count,
            scheme=scheme.key,
            limit=scheme.last_number,
        )
    raise InfeasibleError(
        "Community '{community}' needs the new number {number}, but codes of scheme {scheme} have numbers up to {limit}, "
        "and numbers of ended cells are not given again. Choose a scheme with more digits.",
        community=community,
        number=int(row["sequence"]),
        scheme=scheme.key,
        limit=scheme.last_number,
    )
