"""What users read for the values that enumerated columns take."""

from __future__ import annotations

from functools import cache

from maps.wording import Phrase, phrase, verbatim


@cache
def _labels() -> dict[str, dict[str, Phrase]]:
    return {
        "page": _page_labels(),
        "facility": _facility_labels(),
        "conflict": {
            "border": phrase("Border shifted"),
            "straddle": phrase("Reaches across"),
            "gap": phrase("Gap"),
            "overlap": phrase("Overlap"),
            "unassigned": phrase("Unassigned"),
        },
        "suggestion": {
            "follow_community": phrase("Follow the border of the community"),
            "survey": phrase("Survey on site: both borders have equal support"),
            "assign_gap": phrase("Assign the gap to a cell beside it"),
            "decide_overlap": phrase("Decide which of the two cells holds it"),
            "assign_community": phrase("Assign the ground to a community"),
        },
        "policy": {
            "atomic": phrase("Every piece a cell"),
            "reference": phrase("One zoning leads"),
            "optimised": phrase("Cells of even size"),
        },
        "measure": {
            "area": phrase("m²"),
            "households": phrase("households"),
            "workload": phrase("units of workload"),
        },
        "table": {
            "cell": phrase("Department grids"),
            "community": phrase("Communities"),
            "facility": phrase("Facilities"),
            "street": phrase("Streets"),
            "incident": phrase("Incidents"),
            "building": phrase("Buildings"),
            "team": phrase("Patrol teams"),
        },
        "repair": _repair_labels(),
        "road_class": {
            "motorway": phrase("Motorway"),
            "trunk": phrase("Trunk road"),
            "primary": phrase("Primary road"),
            "secondary": phrase("Secondary road"),
            "residential": phrase("Local street"),
            "lane": phrase("Lane"),
            "pedestrian": phrase("Footpath"),
        },
        "oneway": {
            "both": phrase("Both directions"),
            "forward": phrase("One way"),
            "backward": phrase("One way, against the line"),
        },
        "mode": {"foot": phrase("On foot"), "ebike": phrase("E-bike"), "car": phrase("Car")},
        "team_kind": {
            "police": phrase("Police"),
            "grid_worker": phrase("Grid workers"),
            "volunteer": phrase("Volunteers"),
            "guard": phrase("Security guards"),
        },
        "leg": {"serve": phrase("Patrolled"), "deadhead": phrase("Passed only")},
        "domain": _domain_labels(),
    }


def _page_labels() -> dict[str, Phrase]:
    return {
        "index": phrase("Overview"),
        "unified": phrase("One grid"),
        "health": phrase("Coverage health"),
        "zonings": phrase("Department grids"),
        "facilities": phrase("Facilities"),
        "network": phrase("Street network"),
        "routes": phrase("Patrol routes"),
        "risk": phrase("Heat map"),
    }


def _repair_labels() -> dict[str, Phrase]:
    return {
        "self_intersection": phrase("Border crossed itself"),
        "unclosed_ring": phrase("Ring was not closed"),
        "collapsed_part": phrase("Part without area"),
        "other_parts": phrase("Points or lines beside the area"),
        "no_geometry": phrase("No geometry"),
        "bad_coordinates": phrase("Impossible coordinates"),
        "wrong_geometry": phrase("Wrong kind of geometry"),
        "duplicate_points": phrase("Repeated points"),
    }


def _facility_labels() -> dict[str, Phrase]:
    return {
        "camera": phrase("Camera"),
        "school": phrase("School"),
        "kindergarten": phrase("Kindergarten"),
        "police_station": phrase("Police station"),
        "police_room": phrase("Police room"),
        "governance_centre": phrase("Governance centre"),
        "hydrant": phrase("Hydrant"),
        "hospital": phrase("Hospital"),
        "bus_stop": phrase("Bus stop"),
        "rail_station": phrase("Railway station"),
        "market": phrase("Market"),
        "party_service": phrase("Party service centre"),
        "elder_care": phrase("Elder care"),
        "park": phrase("Park"),
        "substation": phrase("Substation"),
        "bank": phrase("Bank"),
        "fuel_station": phrase("Fuel station"),
        "government": phrase("Government office"),
        "fire_station": phrase("Fire station"),
        "shelter": phrase("Emergency shelter"),
        "other": phrase("Other"),
    }


def _domain_labels() -> dict[str, Phrase]:
    party, governance = phrase("Party building"), phrase("Social governance")
    urban, police = phrase("Urban management"), phrase("Police affairs")
    return {
        "party": party,
        "dangjian": party,
        "governance": governance,
        "zongzhi": governance,
        "urban": urban,
        "urban_management": urban,
        "chengguan": urban,
        "police": police,
        "jingwu": police,
        "fire": phrase("Fire protection"),
        "xiaofang": phrase("Fire protection"),
        "emergency": phrase("Emergency management"),
        "environment": phrase("Environment"),
        "civil": phrase("Civil affairs"),
    }


def label(family: str, value: str) -> Phrase:
    """Return what users read for a value; a value that is not listed is shown as it is."""
    return _labels()[family].get(value) or verbatim(value)
