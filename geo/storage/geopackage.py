"""The embedded store: one GeoPackage file through the sqlite3 of Python."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    NullPool,
    String,
    Table,
    and_,
    bindparam,
    column,
    create_engine,
    event,
    func,
    literal_column,
    select,
    table,
    type_coerce,
)
from sqlalchemy import delete as delete_from

from geo.errors import ProjectExistsError, ProjectNotFoundError, StorageError
from geo.model.crs import require_metric_epsg
from geo.model.frames import SCHEMAS, FrameSchema
from geo.model.project import Project
from geo.storage.backend import NO_PROJECT, PROJECT_EXISTS, Backend, Bounds, Session, load_project
from geo.storage.blobs import decode_blobs, encode_blobs
from geo.storage.columns import Shapes, plain_values, shapes_of
from geo.storage.failures import BUSY, CANNOT_OPEN, CHANGED, translated
from geo.storage.geopackage_functions import register_functions
from geo.storage.geopackage_schema import NOW, add_srs, create_tables, drop_everything, rtree_name
from geo.storage.models import GEOMETRY_COLUMN, Instant, instant_text

BUSY_TIMEOUT_S = 30.0
