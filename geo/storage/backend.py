"""What a back end offers to :class:`geo.storage.store.Store`: one file each, behind this one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import geopandas as gpd
import pandas as pd
from sqlalchemy import Column, ColumnElement, Connection, Engine, MetaData, Table, select

from geo.errors import ProjectNotFoundError, StorageError
from geo.model.frames import FrameSchema
from geo.model.project import SCHEMA_VERSION, Project
from geo.storage.columns import Shapes
from geo.storage.failures import translated
from geo.storage.models import ProjectField, tables_for

NO_PROJECT = "There is no project in {place}. Create one, or choose the file or database that holds it."
PROJECT_EXISTS = "There is a project in {place} already. Open it, choose another place, or ask to overwrite it."
FOREIGN_PLACE = "{place} exists and holds no project. Choose another place, or ask to overwrite it."
OLDER_PROJECT = (
    "{place} was made by an older version of this program (tables {found}, this one needs {known}). Make a new project and "
    "import the layers of this one into it: import FILE --layer cell, community, street …"
)
NEWER_PROJECT = (
    "The project in {place} has version {found} of the tables and this program knows {known}. Update the program."
)

Bounds = tuple[float, float, float, float]


class Session(ABC):
    """One transaction of a back end.

    Attributes
    ----------
    connection
        The SQLAlchemy connection; it is inside the transaction.
    place
        The store as shown to people.
    tables
        The tables with the SRID of the project.
    """

    def __init__(self, connection: Connection, place: str) -> None:
        self.connection = connection
        self.place = place
        self.tables: MetaData = tables_for(-1)

    @abstractmethod
    def prepare_read(self) -> None:
        """Get ready for the user's next read."""

    @abstractmethod
    def prepare_write(self) -> bool:
        """Get ready for the next change; waits while another program writes.

        Returns
        -------
        bool
            Whether the project must be read again because the store may have changed meanwhile.

        Raises
        ------
        StorageError
            What this transaction has read was changed by another.
        """

    @abstractmethod
    def raw_geometry(self, column: Column[Any]) -> ColumnElement[Any]:
        """Return what to select for a geometry."""

    @abstractmethod
    def shapes(self, values: Sequence[Any]) -> Shapes:
        """Return the geometries of values that were selected by :meth:`raw_geometry`."""

    @abstractmethod
    def raw_instant(self, column: Column[Any]) -> ColumnElement[Any]:
        """Return what to select for an instant: text or datetime, without work per row."""

    @abstractmethod
    def touches(self, table: Table, bbox: Bounds) -> ColumnElement[bool]:
        """Return the condition that the bounds of a geometry meet a box, borders included; uses the spatial index."""

    @abstractmethod
    def is_among(self, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        """Return the condition that a column has one of many values, as one parameter however many there are."""

    @abstractmethod
    def order_key(self, column: Column[Any]) -> ColumnElement[Any]:
        """Return what to sort by for a column."""

    @abstractmethod
    def insert(
        self,
        schema: FrameSchema,
        table: Table,
        frame: pd.DataFrame | gpd.GeoDataFrame,
        fids: Sequence[int] | None = None,
    ) -> None:
        """Append rows in bulk; ``frame`` has been checked and is not empty."""

    @abstractmethod
    def delete(self, schema: FrameSchema, table: Table, condition: ColumnElement[bool] | None) -> int:
        """Delete the rows that meet a condition, all when None, and return how many there were."""

    @abstractmethod
    def change_epsg(self, epsg: int) -> None:
        """Give the empty geometry columns another SRID."""


class Backend(ABC):
    """One kind of store.

    Attributes
    ----------
    name
        ``gpkg`` or ``postgis``.
    url
        Address that opens the same store again, with its password.
    place
        The store as shown to people.
    """

    name: ClassVar[str]

    def __init__(self, url: str, place: str, engine: Engine) -> None:
        self.url = url
        self.place = place
        self._engine = engine

    @abstractmethod
    def has_tables(self, connection: Connection) -> bool:
        """Return whether the tables of a project are there."""

    @abstractmethod
    def exists(self) -> bool:
        """Return whether the store holds a project."""

    @abstractmethod
    def create(self, project: Project, overwrite: bool) -> None:
        """Make the tables and write the project, all or nothing."""

    @abstractmethod
    def drop(self) -> None:
        """Remove the project, all or nothing; nothing happens when there is none."""

    @abstractmethod
    def session(self, connection: Connection) -> Session:
        """Return the session of a connection that is inside a transaction."""

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a transaction: commit at the end, rollback on any exception."""
        with translated(self.place):
            connection = self._engine.connect()
        try:
            with translated(self.place):
                connection.begin()
                if not self.has_tables(connection):
                    raise ProjectNotFoundError(NO_PROJECT, place=self.place)
            yield self.session(connection)
            with translated(self.place):
                connection.commit()
        finally:
            connection.close()  # rolls back what was not committed

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""


def project_fields(project: Project) -> list[dict[str, str]]:
    """Return the rows of the table ``project``."""
    return [
        {"key": "name", "value": project.name},
        {"key": "epsg", "value": str(project.epsg)},
        {"key": "time_zone", "value": project.time_zone},
        {"key": "code_prefix", "value": project.code_prefix},
        {"key": "schema_version", "value": str(project.schema_version)},
    ]


def load_project(connection: Connection, place: str) -> Project:
    """Read the project of a store whose tables are there.

    Raises
    ------
    ProjectNotFoundError
        The table ``project`` is empty.
    StorageError
        A newer or an older version of the program made the tables.
    """
    fields = {row.key: row.value for row in connection.execute(select(ProjectField.key, ProjectField.value))}
    if not fields:
        raise ProjectNotFoundError(NO_PROJECT, place=place)
    found = int(fields["schema_version"])
    if found > SCHEMA_VERSION:
        raise StorageError(NEWER_PROJECT, place=place, found=found, known=SCHEMA_VERSION)
    if found < SCHEMA_VERSION:
        raise StorageError(OLDER_PROJECT, place=place, found=found, known=SCHEMA_VERSION)
    return Project(
        name=fields["name"],
        epsg=int(fields["epsg"]),
        time_zone=fields["time_zone"],
        code_prefix=fields["code_prefix"],
        schema_version=found,
    )
