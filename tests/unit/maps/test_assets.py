"""The fetched files: named, complete, without hosts, and refused when something is wrong."""

import json
from pathlib import Path

import pytest

from geo.errors import AssetError
from maps import assets

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Let the assets live in a temporary folder, and give a complete ``node_modules`` beside it."""
    monkeypatch.setattr(assets, "_HERE", tmp_path / "maps")
    modules = tmp_path / "node_modules"
    for asset in (*assets.MAP_ASSETS, *assets.API_ASSETS):
        (modules / asset.source).parent.mkdir(parents=True, exist_ok=True)
        (modules / asset.source).write_text(asset.name, encoding="utf-8")
    return modules


def test_missing_assets_name_the_command(elsewhere):
    with pytest.raises(AssetError, match=r"python3 run\.py setup"):
        assets.assets_directory()


def test_install_copies_every_file_with_its_licence(elsewhere):
    target = assets.install_assets(elsewhere)
    assert target == assets.assets_directory()
    for asset in (*assets.MAP_ASSETS, *assets.API_ASSETS):
        assert (target / asset.name).read_text(encoding="utf-8") == asset.name
    names = [asset.name for asset in (*assets.MAP_ASSETS, *assets.API_ASSETS)]
    for package in ("leaflet", "markercluster", "swagger-ui"):
        assert f"{package}-LICENSE.txt" in names


def test_install_names_the_missing_file(elsewhere):
    (elsewhere / "leaflet/dist/leaflet.js").unlink()
    with pytest.raises(AssetError, match=r"leaflet/dist/leaflet\.js"):
        assets.install_assets(elsewhere)


@pytest.mark.parametrize("rule", ["@import 'https://fonts.example/a.css';", "b { src: url(//fonts.example/a.woff) }"])
def test_style_sheet_that_loads_from_outside_is_refused(elsewhere, rule):
    (elsewhere / "leaflet/dist/leaflet.css").write_text(rule, encoding="utf-8")
    with pytest.raises(AssetError, match=r"leaflet\.css"):
        assets.install_assets(elsewhere)


def test_package_files_are_exact_and_name_no_host():
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    lock_text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    lock = json.loads(lock_text)["packages"]
    assert package["private"] is True
    assert "://" not in lock_text
    assert "resolved" not in lock_text
    for name, version in package["dependencies"].items():
        assert version[0].isdigit()
        assert lock[f"node_modules/{name}"]["version"] == version
    for asset in (*assets.MAP_ASSETS, *assets.API_ASSETS):
        assert asset.source.split("/")[0] in package["dependencies"]
    assert all("integrity" in entry for path, entry in lock.items() if path)
