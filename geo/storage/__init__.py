"""The tables of a project in a GeoPackage file or a PostGIS database; the only place that knows SQLAlchemy."""

from geo.storage.store import Store, open_store
from geo.storage.transaction import Transaction

__all__ = ["Store", "Transaction", "open_store"]
