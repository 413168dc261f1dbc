"""What the command line shows: a progress bar, and reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from geo.model.progress import Progress
    from geo.model.reports import Report
    from geo.model.text import Language


@contextmanager
def shown(title: str, language: Language) -> Iterator[Progress]:
    """Show a progress bar on standard error.

    The first Ctrl-C asks the step to stop at its next report, so that a plan keeps its best so far; the second interrupts.
    """
    import signal

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from geo.errors import CancelledError
    from geo.model.text import translate

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bars:
        bar = bars.add_task(title, total=1.0)

        asked: list[int] = []

        def ask(number: int, _frame: object) -> None:
            asked.append(number)
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, ask)

        def show(message: str, fraction: float) -> None:
            if asked:
                asked.clear()
                raise CancelledError("The step was stopped.")
            text = translate(message, language)
            bars.update(bar, completed=fraction, description=f"{title} · {text}")

        try:
            yield show
        finally:
            signal.signal(signal.SIGINT, before)
        bars.update(bar, completed=1.0, description=title)


def print_report(report: Report, language: Language) -> None:
    """Print the findings in the user's language, then the whole report as JSON on standard output."""
    from geo.model.text import describe_finding

    body = report.as_json()
    marks = {"note": "·", "warning": "!", "error": "✗"}
    for finding in body.get("findings", ()):
        place = f"  @ {finding['x']:.1f}, {finding['y']:.1f}" if finding["x"] is not None else ""
        text = describe_finding(finding, language)
        typer.echo(f"{marks[finding['severity']]} {text}{place}", err=True)
    typer.echo(json.dumps(body, ensure_ascii=False, indent=1, default=str))
