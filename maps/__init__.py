"""Draws the layers of a project as Folium pages that work without internet. Fetches nothing, computes nothing."""

from maps.assets import assets_directory, install_assets
from maps.document import PAGES, render_page, render_pages

__all__ = ["PAGES", "assets_directory", "install_assets", "render_page", "render_pages"]
