"""Turns failures of a database into :class:`StorageError` with a sentence that says what to do.

The text of the driver, which may hold SQL and values, stays in the chained exception for the log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from geo.errors import StorageError

BUSY = "Another program is writing to {place}. Wait or close the project there, then run the step again."
CHANGED = "Another program changed {place} while this step was running, so nothing was written. Run the step again."
READ_ONLY = "{place} cannot be written. Allow writing to the file and its folder, or work on a copy."
CANNOT_OPEN = "{place} cannot be opened. Check that its folder exists and that you may read and write there."
FULL = "No space is left for {place}. Free some space, then run the step again."
NOT_GEOPACKAGE = "{place} is not a readable GeoPackage. Choose another file or restore a backup."
UNREACHABLE = "The database {place} cannot be reached. Check that it is running, and its address, user and password."
DENIED = "The database user may not do this in {place}. Ask the administrator for the right to change its tables."
NO_POSTGIS = "The database {place} has no PostGIS. Ask the administrator to install the PostGIS extension."
WRONG_TABLES = "The tables in {place} are not those of a project. Restore a backup or create the project again."
TABLES_TAKEN = "Something else uses tables of the same names in {place}. Choose an empty database for the project."
BAD_VALUE = "{place} refused a row: a value is missing, repeated or out of range. Correct the layer in the source."
OTHER = "{place} could not be read or written ({kind}). Run the step again; if it fails again, look into the log."

_BY_SQLITE_NAME = (
    ("SQLITE_BUSY", BUSY),
    ("SQLITE_LOCKED", BUSY),
    ("SQLITE_READONLY", READ_ONLY),
    ("SQLITE_PERM", READ_ONLY),
    ("SQLITE_CANTOPEN", CANNOT_OPEN),
    ("SQLITE_FULL", FULL),
    ("SQLITE_NOTADB", NOT_GEOPACKAGE),
    ("SQLITE_CORRUPT", NOT_GEOPACKAGE),
    ("SQLITE_CONSTRAINT", BAD_VALUE),
    ("SQLITE_MISMATCH", BAD_VALUE),
)
_BY_SQLSTATE = (  # a code of five characters, or the class of codes that begin with two
    ("40", CHANGED),
    ("55P03", BUSY),
    ("42501", DENIED),
    ("25006", DENIED),
    ("58P01", NO_POSTGIS),
    ("0A000", NO_POSTGIS),
    ("42P01", WRONG_TABLES),
    ("42703", WRONG_TABLES),
    ("42P07", TABLES_TAKEN),
    ("53100", FULL),
    ("22", BAD_VALUE),
    ("23", BAD_VALUE),
    ("08", UNREACHABLE),
    ("28", UNREACHABLE),
    ("3D000", UNREACHABLE),
    ("57P", UNREACHABLE),
)


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise the failures of a database as :class:`StorageError`.

    Parameters
    ----------
    place
        The store as shown to people: the path or the address without its password.

    Raises
    ------
    StorageError
        The database failed; the cause is chained.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise StorageError(_template_of(cause), place=place, kind=type(cause).__name__) from error


def _template_of(cause: BaseException) -> str:
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", "")
        if name == "SQLITE_ERROR" and "no such" in str(cause):
            return WRONG_TABLES
        return next((template for prefix, template in _BY_SQLITE_NAME if name.startswith(prefix)), OTHER)
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate
        if state is None:  # the server never answered
            return UNREACHABLE if isinstance(cause, psycopg.OperationalError) else OTHER
        return next((template for prefix, template in _BY_SQLSTATE if state.startswith(prefix)), OTHER)
    return OTHER
