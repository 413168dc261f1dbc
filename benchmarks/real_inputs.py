"""The main job on the sample town and on the real inputs, each in a fresh process through the command line.

Usage: ``python -m benchmarks.real_inputs [--only NAME] [--output-dir DIR] [--keep DIR]``
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.circumstances import RESULTS, ROOT, circumstances, real_data, write_result

RECIPES = {
    "sample": ROOT / "sample_shapefiles" / "recipe.toml",
    "wuhan": ROOT / "benchmarks" / "recipes" / "wuhan.toml",
    "philadelphia": ROOT / "benchmarks" / "recipes" / "philadelphia.toml",
    "changsha": ROOT / "benchmarks" / "recipes" / "changsha.toml",
    "new_york": ROOT / "benchmarks" / "recipes" / "new_york.toml",
    "guangzhou": ROOT / "benchmarks" / "recipes" / "guangzhou.toml",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=RECIPES, help="run only this input; repeat")
    parser.add_argument("--output-dir", type=Path, default=RESULTS, help="where NAME.summary.json goes")
    parser.add_argument("--keep", type=Path, help="folder that keeps pages, routes and project files")
    arguments = parser.parse_args()
    names = arguments.only or list(RECIPES)
    if set(names) != {"sample"}:
        real_data()
    for name in names:
        if arguments.keep:
            summary = run_input(name, arguments.keep.resolve() / name)
        else:
            with tempfile.TemporaryDirectory(prefix="yiwang-bench-") as folder:
                summary = run_input(name, Path(folder))
        path = write_result(f"{name}.summary.json", summary, arguments.output_dir)
        print(_line(name, summary), path, sep="  ")


def run_input(name: str, out: Path) -> dict[str, Any]:
    """Run one input in a fresh process and return its summary with the circumstances."""
    around = circumstances()
    command = [sys.executable, "-m", "api.cli", "demo", "--no-serve", "--recipe", str(RECIPES[name]), "--out", str(out)]
    started = time.perf_counter()
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    wall_s = time.perf_counter() - started
    if run.returncode != 0:
        sys.exit(f"{name} failed with code {run.returncode}:\n{run.stderr[-4000:]}")
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text("utf-8"))
    seeds = {report["step"]: report["seed"] for report in summary["reports"] if "seed" in report}
    return summary | {"input": name, "seconds_process": round(wall_s, 3), "seeds": seeds} | around


def _line(name: str, summary: dict[str, Any]) -> str:
    steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in _by_kind(summary["seconds"]).items())
    return f"{name}: {summary['seconds_process']:.1f} s ({steps}), {summary['peak_memory_mib']:.0f} MiB"


def _by_kind(seconds: dict[str, float]) -> dict[str, float]:
    """Return seconds per step, all imports together."""
    total: dict[str, float] = {}
    for step, value in seconds.items():
        kind = step.split()[0]
        total[kind] = total.get(kind, 0.0) + value
    return total


if __name__ == "__main__":
    main()
