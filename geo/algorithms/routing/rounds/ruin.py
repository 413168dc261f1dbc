"""Ruin and recreate: strings of neighbouring jobs are taken out of the rounds and put back where they cost least.

After Christiaens and Vanden Berghe, "Slack induction by string removals for vehicle routing problems" (Transportation
Science 2020), with modes, windows, breaks and fairness: what a job costs in a round counts the more the longer that round
is, as in a power mean of the durations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import kernel
from geo.algorithms.routing.randomness import State, below, shuffle, uniform
from geo.algorithms.routing.rounds.arrays import NOWHERE, Crews, Floats, Ints, Jobs, Rounds
from geo.algorithms.routing.rounds.schedule import refresh, simulate, turn_best, way_s

_MEAN_REMOVED = 10.0
_LONGEST_STRING = 10.0
_BLINK = 0.01
_SPLIT, _SPLIT_ON = 0.5, 0.01
_FROM_LONGEST = 0.3
"""Share of the ruins that begin in a round that is among the longest."""
_TRIED = 4
OPTIONAL_S = 100_000.0
"""Prizes up to this are those of optional jobs, which are left out where they cost more."""


class Room(NamedTuple):
    """Memory of the search.

    Attributes
    ----------
    held
        The rounds before the present change, of the teams that are ``dirty``.
    dirty
        Shape (r,): teams whose rounds the present change has touched.
    absent
        Jobs that nobody does, the first ``absent_count[0]``.
    keys, trial_order, trial_mode, trial_left_s, came_from
        Room to work in.
    """

    held: Rounds
    dirty: NDArray[np.bool_]
    absent: Ints
    absent_count: Ints
    keys: Floats
    trial_order: NDArray[np.int32]
    trial_mode: NDArray[np.int8]
    trial_left_s: Floats
    came_from: NDArray[np.int8]


@kernel
def power(base: float, exponent: int) -> float:
    """Return a power with a whole exponent."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@kernel
def objective(jobs: Jobs, rounds: Rounds, room: Room, exponent: int, scale_s: float) -> float:
    """Return what is to be made small, s: a power mean of the durations times their number, penalties, lost prizes."""
    teams = len(rounds.size)
    total, extra = 0.0, 0.0
    for team in range(teams):
        total += power(rounds.lasts_s[team] / scale_s, exponent)
        extra += rounds.outside_s[team] + 1e-3 * rounds.lasts_s[team]
    for number in range(room.absent_count[0]):
        extra += jobs.prize_s[room.absent[number]]
    return extra + teams * scale_s * (total / teams) ** (1.0 / exponent)


@kernel
def _keep(rounds: Rounds, room: Room, team: int) -> None:
    """Remember a round before its first change."""
    if room.dirty[team]:
        return
    room.dirty[team] = True
    _copy_round(rounds, room.held, team)


@kernel
def _copy_round(rounds: Rounds, into: Rounds, team: int) -> None:
    size = rounds.size[team]
    into.size[team] = size
    into.order[team, :size] = rounds.order[team, :size]
    into.mode[team, :size] = rounds.mode[team, :size]
    into.left_s[team, :size] = rounds.left_s[team, :size]
    into.lasts_s[team] = rounds.lasts_s[team]
    into.outside_s[team] = rounds.outside_s[team]


@kernel
def restore(rounds: Rounds, room: Room) -> None:
    """Take the present change back; the list of absent jobs is made anew."""
    for team in range(len(rounds.size)):
        if room.dirty[team]:
            for place in range(rounds.size[team]):
                rounds.team[rounds.order[team, place]] = NOWHERE
    for team in range(len(rounds.size)):
        if room.dirty[team]:
            _copy_round(room.held, rounds, team)
            for place in range(rounds.size[team]):
                job = rounds.order[team, place]
                rounds.team[job], rounds.place[job] = team, place
            room.dirty[team] = False
    list_absent(rounds, room)


@kernel
def list_absent(rounds: Rounds, room: Room) -> None:
    """List the jobs that nobody does."""
    count = 0
    for job in range(len(rounds.team)):
        if rounds.team[job] == NOWHERE:
            room.absent[count] = job
            count += 1
    room.absent_count[0] = count


@kernel
def take_out(rounds: Rounds, room: Room, job: int) -> None:
    """Take a job out of its round; the times of the round are stale afterwards."""
    team, at = rounds.team[job], rounds.place[job]
    _keep(rounds, room, team)
    size = rounds.size[team] - 1
    for place in range(at, size):
        moved = rounds.order[team, place + 1]
        rounds.order[team, place] = moved
        rounds.mode[team, place] = rounds.mode[team, place + 1]
        rounds.place[moved] = place
    rounds.size[team] = size
    rounds.team[job] = NOWHERE
    room.absent[room.absent_count[0]] = job
    room.absent_count[0] += 1


@kernel
def _ruin(jobs: Jobs, rounds: Rounds, room: Room, state: State) -> None:
    """Take strings of jobs that are near each other out of their rounds."""
    many, teams = len(rounds.team), len(rounds.size)
    placed = many - room.absent_count[0]
    if placed == 0:
        return
    longest_string = min(_LONGEST_STRING, max(1.0, placed / teams))
    most = 4.0 * _MEAN_REMOVED / (1.0 + longest_string) - 1.0
    strings = int(uniform(state) * most + 1.0)
    seed = below(state, many)
    if uniform(state) < _FROM_LONGEST:
        longest = 0
        for team in range(teams):
            if rounds.lasts_s[team] > rounds.lasts_s[longest]:
                longest = team
        if rounds.size[longest] > 0:
            seed = rounds.order[longest, below(state, rounds.size[longest])]
    ruined = 0
    for number in range(-1, jobs.near.shape[1]):
        job = seed if number < 0 else jobs.near[seed, number]
        team = rounds.team[job]
        if team == NOWHERE or room.dirty[team]:
            continue
        size = rounds.size[team]
        length = int(uniform(state) * min(longest_string, float(size)) + 1.0)
        kept = 0
        if length > 1 and length < size and uniform(state) < _SPLIT:
            kept = 1
            while length + kept < size and uniform(state) > _SPLIT_ON:
                kept += 1
        whole = min(length + kept, size)
        at = rounds.place[job]
        first = max(0, min(at - below(state, whole), size - whole))
        skip = first + 1 + below(state, max(1, whole - kept - 1)) if kept > 0 else size
        for place in range(first + whole - 1, first - 1, -1):
            if kept == 0 or place < skip or place >= skip + kept:
                take_out(rounds, room, rounds.order[team, place])
        ruined += 1
        if ruined >= strings:
            return


@kernel
def _arrange(jobs: Jobs, crews: Crews, room: Room, state: State) -> None:
    """Put the absent jobs into the order in which they are put back: at random, long first, far first, near first."""
    count = room.absent_count[0]
    shuffle(state, room.absent[:count])
    pick = uniform(state) * 11.0
    if pick < 4.0:
        return
    for number in range(count):
        job = room.absent[number]
        if pick < 8.0:
            key = -jobs.serve_s[0, job, 0] - (1e6 if jobs.window_first[job + 1] > jobs.window_first[job] else 0.0)
        else:
            key = 0.0 if crews.start[0] == NOWHERE else float(jobs.way_s[0, crews.start[0], jobs.entry[job, 0]])
            key = -key if pick < 10.0 else key
        room.keys[number] = key
    order = np.argsort(room.keys[:count])
    ordered = room.absent[:count][order]
    room.absent[:count] = ordered


@kernel
def _try_place(
    jobs: Jobs,
    crews: Crews,
    rounds: Rounds,
    job: int,
    team: int,
    at: int,
    exponent: int,
    scale_s: float,
    powers: float,
    found: Floats,
) -> None:
    """Enter the cost of a job at a place into the best found so far, if it is among these: cost, team, place, mode.

    ``powers`` is the sum of the powers of all durations, for the cost in seconds; 0 when only the order of the costs counts.
    """
    kind, size = crews.kind[team], rounds.size[team]
    before, after = crews.start[team], crews.end[team]
    clock = crews.opens_s[team]
    if at > 0:
        before = jobs.leave[rounds.order[team, at - 1], rounds.mode[team, at - 1]]
        clock = rounds.left_s[team, at - 1]
    if at < size:
        after = jobs.entry[rounds.order[team, at], rounds.mode[team, at]]
    now = 0.0 if size == 0 and crews.spent_s[team] == 0.0 else way_s(jobs, kind, before, after)
    first, last = jobs.window_first[job], jobs.window_first[job + 1]
    lasts = rounds.lasts_s[team]
    for turned in range(2):
        entry = jobs.entry[job, turned]
        if entry == NOWHERE:
            continue
        come = way_s(jobs, kind, before, entry)
        more = come + jobs.serve_s[kind, job, turned] + way_s(jobs, kind, jobs.leave[job, turned], after) - now
        if last > first:
            arrives, window = clock + come, first
            while window < last and jobs.closes_s[window] < arrives:
                window += 1
            if window == last:
                continue
            if at > 0:
                more += max(0.0, jobs.opens_s[window] - arrives)
        if not lasts + more <= crews.spent_s[team] + crews.closes_s[team] - crews.opens_s[team]:
            continue
        cost = jobs.outside_s[job, team] + 1e-3 * more
        if exponent == 1:
            cost += more
        else:
            grown = power((lasts + more) / scale_s, exponent) - power(lasts / scale_s, exponent)
            if powers > 0.0:
                teams, root = len(rounds.size), 1.0 / exponent
                cost += teams * scale_s * (((powers + grown) / teams) ** root - (powers / teams) ** root)
            else:
                cost += grown * scale_s
        if cost >= found[_TRIED - 1, 0]:
            continue
        rank = _TRIED - 1
        while rank > 0 and found[rank - 1, 0] > cost:
            found[rank] = found[rank - 1]
            rank -= 1
        found[rank, 0], found[rank, 1], found[rank, 2], found[rank, 3] = cost, team, at, turned


@kernel
def _put_in(jobs: Jobs, crews: Crews, rounds: Rounds, room: Room, job: int, found: Floats) -> bool:
    """Put a job where it costs least among the places found that keep all rules; return whether there is one."""
    for rank in range(_TRIED):
        if found[rank, 0] == np.inf or jobs.prize_s[job] <= min(found[rank, 0], OPTIONAL_S):
            return False
        team, at = int(found[rank, 1]), int(found[rank, 2])
        size = rounds.size[team]
        room.trial_order[:at] = rounds.order[team, :at]
        room.trial_mode[:at] = rounds.mode[team, :at]
        room.trial_order[at], room.trial_mode[at] = job, int(found[rank, 3])
        room.trial_order[at + 1 : size + 1] = rounds.order[team, at:size]
        room.trial_mode[at + 1 : size + 1] = rounds.mode[team, at:size]
        lasts = simulate(jobs, crews, team, room.trial_order, room.trial_mode, size + 1, room.trial_left_s)
        if lasts < 0.0:
            continue
        _keep(rounds, room, team)
        rounds.order[team, : size + 1] = room.trial_order[: size + 1]
        rounds.mode[team, : size + 1] = room.trial_mode[: size + 1]
        rounds.left_s[team, : size + 1] = room.trial_left_s[: size + 1]
        rounds.size[team] = size + 1
        rounds.lasts_s[team] = lasts
        rounds.outside_s[team] += jobs.outside_s[job, team]
        for place in range(at, size + 1):
            moved = rounds.order[team, place]
            rounds.team[moved], rounds.place[moved] = team, place
        return True
    return False


@kernel
def _recreate(
    jobs: Jobs,
    crews: Crews,
    rounds: Rounds,
    room: Room,
    exponent: int,
    scale_s: float,
    in_seconds: bool,
    state: State,
    found: Floats,
) -> None:
    """Put the absent jobs back, each where it costs least."""
    teams = len(rounds.size)
    powers = 0.0
    _arrange(jobs, crews, room, state)
    count = room.absent_count[0]
    for number in range(count):
        job = room.absent[number]
        found[:, 0] = np.inf
        if in_seconds:
            powers = 1e-9
            for team in range(teams):
                powers += power(rounds.lasts_s[team] / scale_s, exponent)
        is_timed = jobs.window_first[job + 1] > jobs.window_first[job]
        if not is_timed:
            for rank in range(jobs.near.shape[1]):
                other = jobs.near[job, rank]
                team = rounds.team[other]
                if team == NOWHERE or not jobs.allowed[job, team] or uniform(state) < _BLINK:
                    continue
                at = rounds.place[other]
                _try_place(jobs, crews, rounds, job, team, at, exponent, scale_s, powers, found)
                _try_place(jobs, crews, rounds, job, team, at + 1, exponent, scale_s, powers, found)
            for team in range(teams):
                if jobs.allowed[job, team] and (rounds.size[team] == 0 or teams <= 16):
                    _try_place(jobs, crews, rounds, job, team, 0, exponent, scale_s, powers, found)
                    if rounds.size[team] > 0:
                        _try_place(jobs, crews, rounds, job, team, rounds.size[team], exponent, scale_s, powers, found)
        if found[0, 0] == np.inf or is_timed:
            for team in range(teams):
                if jobs.allowed[job, team]:
                    for at in range(rounds.size[team] + 1):
                        if uniform(state) >= _BLINK:
                            _try_place(jobs, crews, rounds, job, team, at, exponent, scale_s, powers, found)
        _put_in(jobs, crews, rounds, room, job, found)
    list_absent(rounds, room)


@kernel
def _polish(jobs: Jobs, crews: Crews, rounds: Rounds, room: Room) -> None:
    """Turn the segments of the changed rounds the best way, where the rules are kept then too."""
    for team in range(len(rounds.size)):
        size = rounds.size[team]
        if not room.dirty[team] or size == 0:
            continue
        room.trial_mode[:size] = rounds.mode[team, :size]
        turn_best(jobs, crews, team, rounds.order[team], room.trial_mode, size, room.came_from)
        lasts = simulate(jobs, crews, team, rounds.order[team], room.trial_mode, size, room.trial_left_s)
        if 0.0 <= lasts < rounds.lasts_s[team]:
            rounds.mode[team, :size] = room.trial_mode[:size]
            rounds.left_s[team, :size] = room.trial_left_s[:size]
            rounds.lasts_s[team] = lasts


@kernel
def search(
    jobs: Jobs,
    crews: Crews,
    rounds: Rounds,
    best: Rounds,
    room: Room,
    values: Floats,
    exponent: int,
    scale_s: float,
    heat: float,
    iterations: int,
    in_seconds: bool,
    state: State,
) -> None:
    """Run some iterations.

    Parameters
    ----------
    rounds, best
        The present rounds, and the best so far; both are changed.
    values
        Objective of both; changed.
    exponent, scale_s
        Of the power mean of the durations: 1 makes the total small, a high one the longest.
    heat
        Worse rounds are accepted up to about so many seconds.
    iterations
        How many.
    in_seconds
        Whether costs are compared with prizes or with the costs of serving outside an area.
    state
        Of the random generator.
    """
    found = np.empty((_TRIED, 4))
    for _ in range(iterations):
        _ruin(jobs, rounds, room, state)
        keeps = True
        for team in range(len(rounds.size)):
            if room.dirty[team]:
                keeps = refresh(jobs, crews, rounds, team) and keeps
        if not keeps:  # without a job, a break or a window may come too early for the next one
            restore(rounds, room)
            continue
        _recreate(jobs, crews, rounds, room, exponent, scale_s, in_seconds, state, found)
        _polish(jobs, crews, rounds, room)
        value = objective(jobs, rounds, room, exponent, scale_s)
        if value < values[0] - heat * np.log(max(uniform(state), 1e-12)):
            values[0] = value
            room.dirty[:] = False
            if value < values[1] - 1e-9:
                values[1] = value
                for team in range(len(rounds.size)):
                    _copy_round(rounds, best, team)
                best.team[:] = rounds.team
                best.place[:] = rounds.place
        else:
            restore(rounds, room)


def new_room(jobs: int, teams: int, held: Rounds) -> Room:
    """Return room to work in; ``held`` are empty rounds of its own."""
    return Room(
        held,
        np.zeros(teams, dtype=np.bool_),
        np.zeros(jobs + 1, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
        np.zeros(jobs + 1),
        np.zeros(jobs + 1, dtype=np.int32),
        np.zeros(jobs + 1, dtype=np.int8),
        np.zeros(jobs + 1),
        np.zeros((jobs + 1, 2), dtype=np.int8),
    )
