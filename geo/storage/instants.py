"""Instants in the tables: UTC, whole milliseconds, which is what a GeoPackage holds and GDAL reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import TIMESTAMP, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

GEOPACKAGE = "geopackage"
"""Name of the SQLAlchemy dialect of the embedded store."""


class _DateTimeText(UserDefinedType[str]):
    """The DATETIME of a GeoPackage: ISO 8601 text in UTC."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"


class Instant(TypeDecorator[datetime]):
    """A tz-aware instant in ms: ``timestamptz`` in PostgreSQL, ISO 8601 text ending in Z in a GeoPackage."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the dialect stores."""
        return _DateTimeText() if dialect.name == GEOPACKAGE else TIMESTAMP(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn an instant into what the dialect stores."""
        if value is None:
            return None
        return instant_text(value) if dialect.name == GEOPACKAGE else whole_milliseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Turn what the dialect stores into an instant in UTC."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if dialect.name == GEOPACKAGE else value
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def instant_text(value: datetime) -> str:
    """Return an instant as a GeoPackage holds it."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def whole_milliseconds(value: datetime) -> datetime:
    """Return an instant without the parts of a millisecond, which a GeoPackage does not hold."""
    return value.replace(microsecond=value.microsecond // 1000 * 1000)
