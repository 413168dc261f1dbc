"""The services that jobs run; in a module of its own because importing them takes seconds."""

from __future__ import annotations

from geo.services.assess_risk import assess_risk
from geo.services.build_network import build_network
from geo.services.edit_cells import edit_cells
from geo.services.import_layer import import_layer
from geo.services.plan_patrols import plan_patrols
from geo.services.project import open_project
from geo.services.unify_zonings import unify_zonings

__all__ = ["SERVICES", "open_project"]

SERVICES = {
    "import": import_layer,
    "unify": unify_zonings,
    "edit": edit_cells,
    "network": build_network,
    "risk": assess_risk,
    "plan": plan_patrols,
}
"""Step → service."""
