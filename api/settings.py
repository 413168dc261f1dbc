"""Settings of the server: environment variables with the prefix ``YIWANG_``, or arguments."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.errors import ServerStartError
from geo.model.text import Language

PREFIX = "YIWANG_"


def _default_workers() -> int:
    return min(2, os.cpu_count() or 1)


class Settings(BaseSettings):
    """What the server needs to know; nothing is read when the module is imported."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: str = Field(
        default="yiwang.gpkg",
        min_length=1,
        repr=False,
        description="Project to serve: a path that ends in .gpkg (made by the first import), or "
        "postgresql://user:password@host:port/database.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Only loopback addresses are allowed until there are accounts.",
    )
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    max_upload_mb: int = Field(
        default=512,
        ge=1,
        le=65_536,
        json_schema_extra={"unit": "MB"},
        description="Largest upload, all its files together.",
    )
    workers: int = Field(
        default_factory=_default_workers,
        ge=1,
        le=64,
        json_schema_extra={"unit": "processes", "default_text": "2, or 1 on a single core"},
        description="Processes that run jobs. One project runs one job at a time, so more than 2 help only as spares.",
    )
    job_time_limit_s: float = Field(
        default=3600.0,
        gt=0,
        allow_inf_nan=False,
        json_schema_extra={"unit": "s"},
        description="Longest run of a job; then it is stopped as if cancelled.",
    )
    job_cancel_grace_s: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        json_schema_extra={"unit": "s"},
        description="How long a job may take to react to a stop before its process is killed.",
    )
    max_queued_jobs: int = Field(
        default=100, ge=1, json_schema_extra={"unit": "jobs"}, description="Jobs that may wait; more are refused."
    )
    upload_dir: Path | None = Field(
        default=None,
        json_schema_extra={"default_text": "a new folder in the system's temporary folder"},
        description="Folder in which uploads lie while their job waits and runs.",
    )
    base_url: str = Field(
        default="",
        max_length=500,
        pattern=r"^(https?://.*)?$",
        json_schema_extra={"default_text": "none: sheets have no QR code"},
        description="Address under which phones reach this service, e.g. https://grid.example.gov.cn; the QR codes of "
        "route sheets lead there.",
    )
    language: Language = Field(
        default="zh", description="Language of the pages for visitors who have not chosen one: zh or en."
    )

    @field_validator("host")
    @classmethod
    def _require_loopback(cls, host: str) -> str:
        if not is_loopback(host):
            raise ServerStartError(
                "The server listens on this machine only, because it has no accounts yet: '{host}' is refused. "
                "Use 127.0.0.1.",
                host=host,
            )
        return host


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def settings_table() -> list[dict[str, str]]:
    """Return one row for each setting: ``variable``, ``unit``, ``default``, ``description``; for the documentation."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        rows.append(
            {
                "variable": f"{PREFIX}{name.upper()}",
                "unit": str(extra.get("unit", "")),
                "default": str(extra.get("default_text", field.default)),
                "description": field.description or "",
            }
        )
    return rows
