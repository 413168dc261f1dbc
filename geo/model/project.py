"""A project: one town or district with one metric CRS and its layers."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Project:
    """What holds for the whole project.

    Attributes
    ----------
    name
        Shown as the title of the pages.
    epsg
        Code of the metric CRS in which every geometry is stored.
    time_zone
        IANA name; incidents are stored in UTC and shown in this zone.
    code_prefix
        County and street part of the grid codes for communities without an official code (FIELD.md section 2).
    schema_version
        Version of the tables.
    """

    name: str
    epsg: int
    time_zone: str = "Asia/Shanghai"
    code_prefix: str = "000000000"
    schema_version: int = SCHEMA_VERSION
