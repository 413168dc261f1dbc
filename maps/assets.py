"""Third-party browser files: which ones, where npm puts them, and the local folder from which pages load them."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from geo.errors import AssetError

SETUP_COMMAND = "python3 run.py setup"
_HERE = Path(__file__).resolve().parent
_NODE_MODULES = _HERE.parent / "node_modules"
_OUTSIDE_IN_CSS = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])\s*(?:https?:)?//""", re.IGNORECASE)


@dataclass(frozen=True)
class Asset:
    """One file: its name in ``assets/`` and its path inside ``node_modules``."""

    name: str
    source: str


MAP_ASSETS = (
    Asset("leaflet.js", "leaflet/dist/leaflet.js"),
    Asset("leaflet.css", "leaflet/dist/leaflet.css"),
    Asset("leaflet-LICENSE.txt", "leaflet/LICENSE"),
    Asset("images/layers.png", "leaflet/dist/images/layers.png"),
    Asset("images/layers-2x.png", "leaflet/dist/images/layers-2x.png"),
    Asset("images/marker-icon.png", "leaflet/dist/images/marker-icon.png"),
    Asset("markercluster.js", "leaflet.markercluster/dist/leaflet.markercluster.js"),
    Asset("markercluster.css", "leaflet.markercluster/dist/MarkerCluster.css"),
    Asset("markercluster-LICENSE.txt", "leaflet.markercluster/MIT-LICENCE.txt"),
)
"""What rendered pages load; :func:`maps.render_pages` copies them beside the pages."""

API_ASSETS = (
    Asset("swagger-ui-bundle.js", "swagger-ui-dist/swagger-ui-bundle.js"),
    Asset("swagger-ui.css", "swagger-ui-dist/swagger-ui.css"),
    Asset("swagger-ui-LICENSE.txt", "swagger-ui-dist/LICENSE"),
    Asset("swagger-ui-NOTICE.txt", "swagger-ui-dist/NOTICE"),
)
"""What the page of the API documentation loads from the server."""


def assets_directory() -> Path:
    """Return the folder that holds the fetched files.

    Raises
    ------
    AssetError
        A file is missing: set-up has not been run, or was interrupted.
    """
    directory = _HERE / "assets"
    for asset in (*MAP_ASSETS, *API_ASSETS):
        if not (directory / asset.name).is_file():
            raise AssetError(
                "The web file {name} is missing from {directory}. Run: {command}",
                name=asset.name,
                directory=str(directory),
                command=SETUP_COMMAND,
            )
    return directory


def install_assets(node_modules: Path | None = None) -> Path:
    """Copy the needed files, with their licences, from ``node_modules`` into ``maps/assets/``.

    Parameters
    ----------
    node_modules
        Folder that ``npm ci --ignore-scripts`` filled; the one at the root of the repository when left out.

    Returns
    -------
    Path
        The folder of the files.

    Raises
    ------
    AssetError
        A file is not there, or a style sheet names an outside address.
    """
    origin = node_modules or _NODE_MODULES
    target = _HERE / "assets"
    for asset in (*MAP_ASSETS, *API_ASSETS):
        source = origin / asset.source
        if not source.is_file():
            raise AssetError(
                "The npm file {name} is missing from {directory}. Run: {command}",
                name=asset.source,
                directory=str(origin),
                command=SETUP_COMMAND,
            )
        if source.suffix == ".css" and _OUTSIDE_IN_CSS.search(source.read_text(encoding="utf-8")):
            raise AssetError("The style sheet {name} loads from an outside address.", name=asset.source)
        copy_file(source, target / asset.name)
    return target


def copy_map_assets(target: Path) -> None:
    """Copy what rendered pages load into a folder beside them.

    Raises
    ------
    AssetError
        The files were never fetched.
    """
    origin = assets_directory()
    for asset in MAP_ASSETS:
        copy_file(origin / asset.name, target / asset.name)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file so that readers see the old one or the whole new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.copyfile(source, temporary)
    temporary.replace(target)


def write_text(target: Path, text: str) -> None:
    """Write a text file so that readers see the old one or the whole new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(target)
