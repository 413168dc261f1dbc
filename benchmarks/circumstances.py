"""What a figure depends on besides the program: machine, versions, commit."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_PACKAGES = (
    "geopandas",
    "shapely",
    "pyogrio",
    "pyproj",
    "numpy",
    "scipy",
    "networkx",
    "numba",
    "folium",
    "sqlalchemy",
)


def real_data() -> Path:
    """Return the folder that YIWANG_REAL_DATA names; ends the program with a message when there is none."""
    folder = os.environ.get("YIWANG_REAL_DATA", "")
    if not folder or not Path(folder).is_dir():
        sys.exit("Set YIWANG_REAL_DATA to the folder of the real inputs; benchmarks/README.md says what it holds.")
    return Path(folder)


def circumstances() -> dict[str, Any]:
    """Return machine, versions and commit."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "processor": _processor(),
            "cpus": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "load_1min": round(psutil.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changes": bool(_git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results")),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def write_result(name: str, body: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write a result as JSON and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path
