"""The words of an itinerary, in both languages: English message ids, Chinese in the catalogue of ``geo``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geo.model.itinerary import Heading, Instruction, Manoeuvre, PlannedVisit, clock
from geo.model.text import Language, Phrase, translate

HEADING_WORDS: Mapping[Heading, str] = {
    "n": "north",
    "ne": "north-east",
    "e": "east",
    "se": "south-east",
    "s": "south",
    "sw": "south-west",
    "w": "west",
    "nw": "north-west",
}
TURN_WORDS: Mapping[Manoeuvre, str] = {
    "continue": "Continue straight",
    "slight_left": "Bear left",
    "left": "Turn left",
    "sharp_left": "Turn sharp left",
    "slight_right": "Bear right",
    "right": "Turn right",
    "sharp_right": "Turn sharp right",
    "uturn": "Make a U-turn",
}
UNNAMED_WORDS: Mapping[str, str] = {
    "motorway": "an unnamed motorway",
    "trunk": "an unnamed trunk road",
    "primary": "an unnamed main road",
    "secondary": "an unnamed secondary road",
    "residential": "an unnamed street",
    "lane": "an unnamed lane",
    "pedestrian": "an unnamed footpath",
}
TASK_WORDS: Mapping[str, str] = {
    "camera": "Check that the camera has power, a clean lens and the right direction; report faults.",
    "school": "Keep order at the gate at opening and closing; see that vehicles leave the gate free.",
    "kindergarten": "Keep order at the gate when children are brought and fetched.",
    "police_station": "Report in; take over new notices.",
    "police_room": "Sign in; read the log and hand over.",
    "governance_centre": "Report what was found; take over open matters.",
    "hydrant": "Check that the hydrant can be reached, is capped and does not leak.",
    "hospital": "See that entrances and the way for ambulances are free; speak with the guard room.",
    "bus_stop": "Look at platform and shelter; keep the bay free.",
    "rail_station": "Walk the forecourt and the entrances; keep the ways free.",
    "market": "Walk the aisles; keep fire exits and the road free.",
    "party_service": "Sign in; take over matters to pass on.",
    "elder_care": "Ask the staff how things stand; look at exits and fire equipment.",
    "park": "Walk the paths; look at lighting, water edges and equipment.",
    "substation": "Look at fence, doors and warning signs from outside; do not enter.",
    "bank": "Look at the entrance, the cash machines and their surroundings.",
    "fuel_station": "Look for open fire, blocked exits and missing fire equipment.",
    "government": "Look at gate and forecourt; speak with the guard room.",
    "fire_station": "Keep the way out of the fire engines free.",
    "shelter": "See that signs, ways and gates are in order.",
    "other": "Look round the place; report what is out of order.",
}
"""Kind of facility → what is done there; configured defaults without a source."""

_TURN = {
    "back": "{turn} and go back along {street}",
    "stay": "{turn} to stay on {street}",
    "onto": "{turn} onto {street}",
}
_TURN_AT = {
    "back": "{turn} at {junction} and go back along {street}",
    "stay": "{turn} at {junction} to stay on {street}",
    "onto": "{turn} at {junction} onto {street}",
}
_NAMES_TOLD = 4
_BESIDE_M = 15.0
_WAIT_TOLD_S = 30.0


def say(phrase: Phrase, language: Language) -> str:
    """Return a phrase in a language, the phrases inside it too."""
    return translate(phrase.message, language, **phrase.context)


def heading_phrase(heading: Heading) -> Phrase:
    """Return a direction of the compass."""
    return Phrase(HEADING_WORDS[heading])


def street_phrase(instruction: Instruction) -> Phrase:
    """Return how the street of an instruction is called: its name, else its class."""
    if instruction.street:
        return Phrase("{name}", name=instruction.street)
    return Phrase(UNNAMED_WORDS.get(instruction.road_class, "an unnamed way"))


def headline(instruction: Instruction) -> Phrase:
    """Return what to do where an instruction begins, in one sentence."""
    if instruction.visit is not None:
        return Phrase("Visit {number}: {name}", number=instruction.visit.sequence, name=instruction.visit.name)
    if instruction.action == "pause":
        return Phrase("Break of {minutes:.0f} min", minutes=instruction.duration_s / 60)
    if instruction.action == "finish":
        return Phrase("Back at the starting point; the patrol ends" if instruction.is_back else "The patrol ends here")
    if instruction.manoeuvre == "roundabout":
        return Phrase("Enter the roundabout and take exit {number}", number=instruction.exit_number)
    street = street_phrase(instruction)
    if instruction.heading is not None and instruction.manoeuvre == "depart":
        return Phrase("Head {heading} on {street}", heading=heading_phrase(instruction.heading), street=street)
    if instruction.heading is not None and not instruction.street:
        street = Phrase("{street} heading {heading}", street=street, heading=heading_phrase(instruction.heading))
    return _turn(instruction, street)


def _turn(instruction: Instruction, street: Phrase) -> Phrase:
    """Return the turn with the street that it leads to, and with the street at which it is where that helps."""
    turn, junction = Phrase(TURN_WORDS[instruction.manoeuvre]), instruction.junction
    if instruction.manoeuvre == "continue" and instruction.stays:
        return Phrase("Continue on {street}", street=street)
    kind = "back" if instruction.manoeuvre == "uturn" else "stay" if instruction.stays else "onto"
    if junction:
        return Phrase(_TURN_AT[kind], turn=turn, junction=junction, street=street)
    return Phrase(_TURN[kind], turn=turn, street=street)


def action_phrase(instruction: Instruction) -> Phrase:
    """Return whether a street is patrolled, in a word or two."""
    words = {"patrol": "Patrol", "pass": "Pass through", "visit": "Visit", "pause": "Break", "finish": "Finish"}
    return Phrase(words[instruction.action])


def details(instruction: Instruction) -> tuple[Phrase, ...]:
    """Return what else there is to know: streets crossed; of a visit the stay, its window, where it is and what to do."""
    told = []
    if instruction.wait_s >= _WAIT_TOLD_S:
        told.append(
            Phrase("Wait {minutes:.0f} min until {time}", minutes=instruction.wait_s / 60, time=_start(instruction))
        )
    if instruction.visit is not None:
        told += _visit_details(instruction.visit)
    if instruction.crosses:
        told.append(Phrase("Cross {streets}", streets=_listed(instruction.crosses)))
    return tuple(told)


def _start(instruction: Instruction) -> str:
    return clock(instruction.start_s)


def _visit_details(visit: PlannedVisit) -> list[Phrase]:
    told = [Phrase("Stay {minutes:.0f} min", minutes=visit.service_duration_s / 60)]
    if visit.window is not None:
        told.append(Phrase("Begin between {start} and {end}", start=clock(visit.window[0]), end=clock(visit.window[1])))
    if visit.offset_m >= _BESIDE_M:
        heading = heading_phrase(visit.offset_heading)
        told.append(Phrase("{distance:.0f} m {heading} of the junction", distance=visit.offset_m, heading=heading))
    told.append(task_phrase(visit.kind))
    return told


def task_phrase(kind: str) -> Phrase:
    """Return what is done at a facility of some kind."""
    return Phrase(TASK_WORDS.get(kind, TASK_WORDS["other"]))


def _listed(names: Sequence[str]) -> Phrase:
    """Return names one after the other; of many the first."""
    told = Phrase("{name}", name=names[0])
    for name in names[1:_NAMES_TOLD]:
        told = Phrase("{names}, {name}", names=told, name=name)
    return (
        Phrase("{names} and more, {count} in all", names=told, count=len(names)) if len(names) > _NAMES_TOLD else told
    )


def sentence(instruction: Instruction, language: Language) -> str:
    """Return an instruction as one line: what to do, and what else there is to know."""
    parts = [say(headline(instruction), language), *(say(detail, language) for detail in details(instruction))]
    return ("；" if language == "zh" else "; ").join(part.rstrip("。.") for part in parts)
