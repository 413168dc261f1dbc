"""Run the whole chain from one file: which layers to import, and how to unify, plan and assess.

A recipe is TOML::

    name = "青泠街道"
    time_zone = "Asia/Shanghai"  # may be left out
    code_prefix = "429900001"    # county and street of the grid codes; may be left out

    [[import]]
    file = "社区.shp"            # relative to the recipe, or to a folder named by an environment variable: ${NAME}/…
    kind = "community"

    [unify]
    slivers = { min_width_m = 15.0 }

    [plan]
    solve = { seconds = 5.0 }

The keys of each table are those of the parameters of its service; a missing table leaves its step out.

"""

from __future__ import annotations

import os
import string
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo.algorithms.network.noding import NodingParams
from geo.algorithms.risk.intensity import IntensityParams
from geo.algorithms.zoning.unify import UnifyParams
from geo.errors import InputError, ParameterError
from geo.model.params import read_params
from geo.model.progress import Progress, ignore_progress, part_of
from geo.model.reports import Report
from geo.services.assess_risk import assess_risk
from geo.services.build_network import build_network
from geo.services.import_layer import ImportParams, import_layer
from geo.services.plan_patrols import PatrolParams, plan_patrols
from geo.services.unify_zonings import unify_zonings
from geo.storage.store import Store

_STEPS = ("unify", "network", "risk", "plan")


@dataclass(frozen=True)
class Recipe:
    """A recipe, read and checked.

    Attributes
    ----------
    name
        Name of the project.
    imports
        Files with their parameters, in order.
    unify, network, risk, plan
        Parameters of the steps; None leaves a step out.
    """

    name: str
    imports: tuple[tuple[Path, ImportParams], ...]
    unify: UnifyParams | None
    network: NodingParams | None
    risk: IntensityParams | None
    plan: PatrolParams | None


@dataclass(frozen=True)
class StepOutcome:
    """One step that was run: its name, how long it took, and its report."""

    step: str
    seconds: float
    report: Report


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    InputError
        It cannot be read, or names unknown keys or an unset environment variable.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError("Recipe '{file}' cannot be read: {reason}", file=str(path), reason=str(error)) from error
    unknown = set(table) - {"name", "time_zone", "code_prefix", "import", *_STEPS}
    if unknown:
        raise ParameterError("Recipe '{file}': unknown key '{key}'.", file=path.name, key=sorted(unknown)[0])
    name = str(table.get("name", path.stem))
    project = {
        "project_name": name,
        "project_time_zone": table.get("time_zone"),
        "project_code_prefix": table.get("code_prefix"),
    }
    imports = []
    for given in table.get("import", []):
        entry = dict(given)
        file = _resolve(path, str(entry.pop("file", "")))
        imports.append((file, read_params(ImportParams, {**project, **entry})))
    params = {"unify": UnifyParams, "network": NodingParams, "risk": IntensityParams, "plan": PatrolParams}
    steps = {step: read_params(params[step], table[step]) if step in table else None for step in _STEPS}
    return Recipe(name, tuple(imports), **steps)


def _resolve(recipe: Path, file: str) -> Path:
    try:
        return recipe.parent / string.Template(file).substitute(os.environ)
    except KeyError as error:
        raise InputError(
            "Recipe '{file}' needs the environment variable {name}: the folder of its files.",
            file=recipe.name,
            name=str(error.args[0]),
        ) from error


def run_recipe(store: Store, recipe: Recipe, progress: Progress = ignore_progress) -> list[StepOutcome]:
    """Run all steps of a recipe on an empty project; returns what each found.

    Raises
    ------
    YiwangError
        A step failed; what the steps before it stored stays.
    """
    steps: list[tuple[str, Callable[..., Report], tuple[Any, ...]]] = [
        (f"import {path.name}", import_layer, (path, params)) for path, params in recipe.imports
    ]
    services: dict[str, Callable[..., Report]] = {
        "unify": unify_zonings,
        "network": build_network,
        "risk": assess_risk,
        "plan": plan_patrols,
    }
    for step, service in services.items():
        if (params := getattr(recipe, step)) is not None:
            steps.append((step, service, (params,)))
    outcomes = []
    for number, (name, service, arguments) in enumerate(steps):
        started = time.perf_counter()
        report = service(store, *arguments, part_of(progress, number / len(steps), (number + 1) / len(steps)))
        outcomes.append(StepOutcome(name, time.perf_counter() - started, report))
    return outcomes
