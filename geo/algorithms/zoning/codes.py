"""Grid codes: schemes as data, sequence west to east and north to south within a community."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import InfeasibleError, ParameterError
from geo.model.progress import Progress, ignore_progress

_COMMUNITY_DIGITS = 12


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
    """

    key: str
    title: str
    object_code: str
    sequence_digits: int
    prefix: str = "000000000"

    def __post_init__(self) -> None:
        if len(self.prefix) != 9 or not self.prefix.isdigit():
            raise ParameterError(
                "The prefix of grid codes must be 9 digits (county 6, street 3); '{prefix}' is not.", prefix=self.prefix
            )


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
    return CodeScheme(key, str(row["title"]), str(row["object"]), int(row["sequence_digits"]), prefix)


def issue_codes(
    cells: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, scheme: CodeScheme, progress: Progress = ignore_progress
) -> gpd.GeoDataFrame:
    """Return the cells with ``code``, ``name`` and ``sequence``, ordered by code.

    The order within a community is that of reading: cells are cut into bands from north to south, each as high as the side
    of a square of the community's median cell, and run west to east within a band, by their centroid.

    Parameters
    ----------
    cells
        With ``community_code`` and ``community_name``.
    communities
        ``community`` frame; its codes of 12 digits are used, others get a number of 3 digits in the order of their rows.
    scheme
        The scheme.
    progress
        Told how far it is.

    Raises
    ------
    InfeasibleError
        A community has more cells than the sequence has numbers, or there are more than 999 communities without code.
    """
    progress("Issuing grid codes", 0.0)
    middle = _community_parts(communities, scheme)
    centroid = cells.centroid
    frame = cells.assign(x=centroid.x, y=centroid.y)
    side = frame.groupby("community_code")["area_m2"].transform("median") ** 0.5
    top = frame.groupby("community_code")["y"].transform("max")
    frame["band"] = np.floor((top - frame["y"]) / side).astype("int64")
    frame = frame.sort_values(["community_code", "band", "x", "y"], ignore_index=True)
    frame["sequence"] = frame.groupby("community_code").cumcount() + 1
    limit = 10**scheme.sequence_digits - 1
    counts = frame["community_code"].value_counts()
    if counts.max() > limit:
        raise InfeasibleError(
            "Community '{community}' has {count} cells, but codes of scheme {scheme} have numbers up to {limit}. Choose a "
            "scheme with more digits or larger limits for slivers.",
            community=str(counts.idxmax()),
            count=int(counts.max()),
            scheme=scheme.key,
            limit=limit,
        )
    number = frame["sequence"].astype("str").str.zfill(scheme.sequence_digits)
    frame["code"] = scheme.object_code + frame["community_code"].map(middle).astype("str") + number
    frame["name"] = frame["community_name"].astype("str") + number
    return frame.drop(columns=["x", "y", "band"]).sort_values("code", ignore_index=True)


def _community_parts(communities: gpd.GeoDataFrame, scheme: CodeScheme) -> pd.Series:
    """Return community code → the twelve digits that stand for it in grid codes."""
    codes = communities["code"].astype("str")
    official = codes.str.fullmatch(rf"\d{{{_COMMUNITY_DIGITS}}}")
    if int((~official).sum()) > 999:
        raise InfeasibleError(
            "{count} communities have no official code of 12 digits; numbers reach to 999. Import their codes.",
            count=int((~official).sum()),
        )
    taken = set(codes[official])
    free = (part for part in (f"{scheme.prefix}{n:03d}" for n in range(1, 10_000)) if part not in taken)
    parts = [code if is_official else next(free) for code, is_official in zip(codes, official, strict=True)]
    return pd.Series(parts, index=codes)
