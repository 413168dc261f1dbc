"""When repeated services fall due: parts of the shift that keep the gaps between them, whoever comes."""

from __future__ import annotations

from math import inf

Windows = tuple[tuple[float, float], ...]


def slots(times: int, min_gap_s: float, max_gap_s: float, earliest_s: float, latest_s: float) -> list[Windows]:
    """Return a window for the start of each repetition; any starts in them keep the gaps.

    With windows of width w that begin every p seconds, two starts in a row are between p - w and p + w apart. So
    ``w = min(p - min_gap, max_gap - p)``, and p is chosen to make the windows wide within the shift. Without gaps the shift
    is cut into equal parts, one for each repetition.

    Parameters
    ----------
    times
        Number of repetitions.
    min_gap_s, max_gap_s
        Shortest and longest time between two starts in a row.
    earliest_s, latest_s
        First and last moment to start.

    Returns
    -------
    list
        For each repetition its window, as a tuple of one; an empty tuple for a single one, which may start any time. An
        empty list when the gaps and the shift contradict each other.
    """
    if times == 1:
        return [()]
    length = latest_s - earliest_s
    if length < 0:
        return []
    every = (
        length + min_gap_s
    ) / times  # with it the last window ends at the end: (times - 1) p + p - min_gap = length
    if max_gap_s < inf:
        every = min(every, (min_gap_s + max_gap_s) / 2)
    width = min(every - min_gap_s, max_gap_s - every)
    if width < 0:
        return []
    begins = [earliest_s + number * every for number in range(times)]
    return [((begin, min(begin + width, latest_s)),) for begin in begins]
