"""The store: the one door to the tables of a project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from geo.errors import ParameterError
from geo.model.project import Project
from geo.storage.backend import Backend
from geo.storage.geopackage import GeoPackageBackend
from geo.storage.postgis import PostgisBackend
from geo.storage.transaction import Transaction


class Store:
    """A place that holds one project: a GeoPackage file or a PostGIS database.

    Attributes
    ----------
    url
        Address that :func:`open_store` takes; holds the password of a database.
    backend
        ``gpkg`` or ``postgis``.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.url: str = backend.url
        self.backend: str = backend.name

    def __repr__(self) -> str:
        return f"<Store {self._backend.place}>"

    def create(self, project: Project, *, overwrite: bool = False) -> None:
        """Make the tables of a project, all or nothing.

        Parameters
        ----------
        project
            Its ``epsg`` becomes the SRID of every geometry.
        overwrite
            Remove what is there: the whole content of a file, the tables of a project in a database.

        Raises
        ------
        ProjectExistsError
            There is a project and ``overwrite`` is false.
        CrsError
            The CRS of the project is not metric.
        StorageError
            The place cannot be written.
        """
        self._backend.create(project, overwrite)

    def drop(self) -> None:
        """Remove the project with all that it holds, all or nothing; nothing happens when there is none.

        A GeoPackage file goes with everything in it; of a database only the tables of the project.

        Raises
        ------
        StorageError
            The place cannot be written.
        """
        self._backend.drop()

    def exists(self) -> bool:
        """Return whether there is a project.

        Raises
        ------
        StorageError
            The place cannot be read.
        """
        return self._backend.exists()

    def project(self) -> Project:
        """Return the project.

        Raises
        ------
        ProjectNotFoundError
            There is none.
        StorageError
            The place cannot be read, or a newer version of the program wrote it.
        """
        with self.begin() as transaction:
            return transaction.project

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """Open a transaction: commit at the end, rollback on any exception; the only way to read or write.

        What it reads is one state of the project. It waits for another writer before its first change, and when
        something was written between its first read and its first change it fails instead of overwriting. Do long
        computations between two transactions: while one is open on a GeoPackage no other can commit.

        Raises
        ------
        ProjectNotFoundError
            There is no project.
        StorageError
            The database failed, or another program changed the project meanwhile; nothing was written.
        """
        with self._backend.begin() as session:
            transaction = Transaction(session)
            yield transaction
            transaction.require_unbroken()

    def close(self) -> None:
        """Close all connections; a GeoPackage is a single file then. The store may be used again."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_store(url: str) -> Store:
    """Return the store at an address; connects to nothing yet.

    Parameters
    ----------
    url
        ``gpkg:///absolute/path.gpkg`` or a plain path that ends in ``.gpkg``, taken literally (no percent signs are
        decoded); ``postgresql+psycopg://user:password@host:port/database`` or the same with ``postgresql://``.

    Raises
    ------
    ParameterError
        The address is of no known kind.
    """
    if re.match(r"postgresql(\+psycopg)?://", url):
        return Store(PostgisBackend(url))
    path = url.removeprefix("gpkg://")
    if path.lower().endswith(".gpkg") and "://" not in path:
        return Store(GeoPackageBackend(Path(path).expanduser().absolute()))
    scheme, separator, _ = url.partition("://")
    raise ParameterError(
        "'{address}' is not the address of a store. Give a path that ends in .gpkg, or postgresql://user@host/database.",
        address=scheme + separator + "…" if separator else url,  # what follows may hold a password
    )
