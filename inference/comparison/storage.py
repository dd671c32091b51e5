"""Comparisons on disk: JSON and CSV for the numbers, netCDF for the posteriors."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ... import __version__
from ...errors import InputError
from ...files import atomic_path, without_nan, write_text
from ...models import SIModel, get_model
from ...simulate import read_trajectories
from ...simulate.tables import write_table
from ..likelihood.likelihoods import LIKELIHOODS
from ..likelihood.specification import Specification
from ..loo.loo import Elpd
from ..posterior.arviz_adapter import Posterior, group
from ..posterior.fitting import read_settings
from ..posterior.posteriors import Posteriors, read_posterior
from .adequacy import Adequacy
from .agents import agent_table
from .results import ComparisonResults, ConditionResult, ModelResult

COMPARISON = "comparison.json"
TABLE = "comparison.csv"
REPORT = "report.html"
"""Report that the commands make from a saved comparison."""
TRAJECTORIES = "trajectories.parquet"
AGENTS = "agents.parquet"
GROUPS = "groups.json"
_EXPLANATION = ("explanation.json", "explanation.csv")
"""Files of `tworate explain`, which are of the data that were compared before."""


def comparison_dict(comparison: ComparisonResults, files: dict[tuple[int, str], str] | None = None) -> dict[str, Any]:
    """Return the content of `comparison.json`.

    Parameters
    ----------
    comparison : Comparison
        What to describe.
    files : dict, optional
        Path of each saved posterior by (condition number, model).
    """
    conditions = []
    for number, result in enumerate(comparison.conditions):
        models = {}
        for name, model in result.models.items():
            models[name] = {
                "elpd_loo": model.elpd_loo,
                "se": model.se,
                "p_loo": model.p_loo,
                "weight": model.weight,
                "pareto_k_bad": model.pareto_k_bad,
                "good_k": model.good_k,
                "refitted": model.elpd.n_refitted,
                "rival": model.rival,
                "problems": model.problems,
                "importance_k": model.importance_k,
                "parameters": model.parameters.to_dict("index"),
                "derived": model.derived.to_dict("index"),
            }
            if model.log_evidence is not None:
                models[name]["log_evidence"] = model.log_evidence
            if model.elpd_future is not None:
                models[name]["elpd_future"] = float(model.elpd_future.sum())
                models[name]["elpd_future_pointwise"] = model.elpd_future.tolist()
            if files:
                models[name]["posterior"] = files[number, name]
        conditions.append(
            {
                "condition": result.condition,
                "verdict": result.verdict,
                "doubts": result.doubts,
                "reasons": result.reasons,
                "structure": result.structure,
                "selected": result.selected,
                "compared": result.compared,
                "left_out": result.left_out,
                "challenged_by": result.challenged_by,
                "elpd_diff": result.elpd_diff,
                "dse": result.dse,
                "closure": result.closure,
                "closure_reason": result.closure_reason,
                "likelihood": result.likelihood,
                "clock": result.clock,
                "clock_reason": result.clock_reason,
                "unit": result.unit,
                "level": result.level,
                "level_reason": result.level_reason,
                "covariates": list(result.covariates),
                "prior_scale": result.prior_scale,
                "predict_from": result.predict_from,
                "n_observations": result.n_observations,
                "n_increments": result.n_increments,
                "adequacy": {name: made.to_dict() for name, made in result.adequacy.items()},
                "models": models,
            }
        )
    content = {
        "tworate_version": comparison.version,
        "source": comparison.trajectories.source,
        "time_unit": comparison.trajectories.time_unit,
        "by": comparison.by,
        "seed": comparison.seed,
        **({"made": comparison.made} if comparison.made else {}),
        **({"decisions": comparison.decisions} if comparison.decisions else {}),
        "conditions": conditions,
    }
    finite: dict[str, Any] = without_nan(content)
    return finite


def discard_comparison(folder: Path) -> None:
    """Remove the files that a comparison of other data left in a folder. Trajectories stay."""
    previous = _saved_posteriors(folder)
    _discard_numbers(folder)
    for stale in previous:
        (folder / stale).unlink(missing_ok=True)


def save_comparison(comparison: ComparisonResults, folder: Path) -> None:
    """Write a comparison to a folder. Each file is written whole or not at all, `comparison.json` last."""
    # Old posteriors are removed last: this comparison may hold them.
    previous = _saved_posteriors(folder)
    _discard_numbers(folder)
    files: dict[tuple[int, str], str] = {}
    for number, result in enumerate(comparison.conditions):
        for name in result.posteriors:
            relative = f"posteriors/{_slug(number, result, len(comparison.conditions))}{name}.nc"
            result.posteriors.write(name, folder / relative)
            files[number, name] = relative
    comparison.trajectories.save(folder / TRAJECTORIES)
    with atomic_path(folder / TABLE) as temporary:
        comparison.table.to_csv(temporary, index=False)
    tables = [
        agent_table(result, part).assign(**result.condition)
        for result, (_, part) in zip(comparison.conditions, comparison.trajectories.split(comparison.by), strict=True)
        if result.level == "individual" and result.models
    ]
    if tables:
        write_table(pd.concat(tables, ignore_index=True), folder / AGENTS)
    text = json.dumps(comparison_dict(comparison, files), indent=2, ensure_ascii=False, default=str)
    write_text(folder / COMPARISON, text + "\n")
    for stale in previous - set(files.values()):
        (folder / stale).unlink(missing_ok=True)


def read_comparison(folder: Path, models: Sequence[type[SIModel]] = ()) -> ComparisonResults:
    """Read the results that :func:`save_comparison` wrote; arguments and errors are those of `load_comparison`."""
    if folder.is_file():
        raise InputError(f"{folder}: is a file; give the folder of a comparison")
    path = folder / COMPARISON
    content: Any = None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        conditions = [_condition(folder, entry, models) for entry in content["conditions"]]
        trajectories = read_trajectories(folder / TRAJECTORIES)
        object.__setattr__(trajectories, "source", content["source"])
        return ComparisonResults(
            conditions,
            trajectories,
            content["by"],
            content["seed"],
            version=content["tworate_version"],
            made=dict(content.get("made", {})),
            decisions=dict(content.get("decisions", {})),
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: holds no comparison ({Path(error.filename or path).name} is missing); make one with "
            "`tworate compare` or `tworate run`"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        made = content.get("tworate_version", "?") if isinstance(content, dict) else "?"
        raise InputError(
            f"{path}: is damaged, or of another version (made by {made}, this is {__version__}; {error}); make the "
            "comparison again"
        ) from error


def _model(name: str, extra_models: Sequence[type[SIModel]]) -> type[SIModel]:
    for model in extra_models:
        if model.name == name:
            return model
    try:
        return get_model(name)
    except ValueError as error:
        raise InputError(
            f"{error}; for a model of your own, give its file (--models-from FILE.py) or, in Python, its class "
            "(load_comparison(folder, models=[…]))"
        ) from error


def _condition(folder: Path, entry: dict[str, Any], extra_models: Sequence[type[SIModel]]) -> ConditionResult:
    models: dict[str, ModelResult] = {}
    files: dict[str, Path | Posterior] = {}
    for name, model in entry["models"].items():
        file = folder / model["posterior"]
        if not file.is_file():
            raise FileNotFoundError(2, "missing", str(file))
        posterior = read_posterior(file)
        attrs, future = posterior.attrs, model.get("elpd_future_pointwise")
        specification = Specification(
            _model(attrs["model"], extra_models),
            LIKELIHOODS[attrs["likelihood"]],
            attrs["clock"],
            bool(attrs["replicate_effects"]),
            float(attrs["prior_scale"]),
            names_clock=attrs["clock"] != entry["clock"],
            level=entry.get("level", "count"),
            contact=attrs.get("contact", "edges"),
            covariates=tuple(entry.get("covariates", ())),
            **read_settings(attrs),
        )
        models[name] = ModelResult(
            specification=specification,
            elpd=Elpd.from_dataset(group(posterior, "loo")),
            weight=model["weight"],
            parameters=pd.DataFrame.from_dict(model["parameters"], orient="index").astype(float),
            # JSON has no infinity, which stands for a time that is never reached.
            derived=pd.DataFrame.from_dict(model["derived"], orient="index").fillna(math.inf),
            problems=model["problems"],
            importance_k=model.get("importance_k"),
            rival=model["rival"],
            log_evidence=model.get("log_evidence"),
            elpd_future=None if future is None else np.array(future),
        )
        files[name] = file
    nan = float("nan")
    return ConditionResult(
        # Files of earlier versions have no doubts: only their reasons state them.
        doubts=entry.get("doubts", []),
        level=entry.get("level", "count"),
        level_reason=entry.get("level_reason", "the data are counts"),
        covariates=tuple(entry.get("covariates", ())),
        structure=entry.get("structure", []),
        selected=entry.get("selected", entry["verdict"] if entry["verdict"] in entry["models"] else ""),
        compared=entry.get("compared", []),
        left_out=entry.get("left_out", {}),
        adequacy={name: Adequacy.from_dict(saved) for name, saved in entry.get("adequacy", {}).items()},
        **{
            key: entry[key]
            for key in (
                "condition", "verdict", "reasons", "challenged_by", "closure", "closure_reason", "likelihood", "clock",
                "clock_reason", "unit", "prior_scale", "predict_from", "n_observations", "n_increments",
            )
        },
        elpd_diff=nan if entry["elpd_diff"] is None else entry["elpd_diff"],
        dse=nan if entry["dse"] is None else entry["dse"],
        models=models,
        posteriors=Posteriors(files),
    )  # fmt: skip


def _discard_numbers(folder: Path) -> None:
    """Remove the files of numbers, so that an interruption cannot leave old numbers beside new posteriors."""
    for numbers in (COMPARISON, TABLE, REPORT, AGENTS, GROUPS, *_EXPLANATION):
        (folder / numbers).unlink(missing_ok=True)


def _saved_posteriors(folder: Path) -> set[str]:
    """Return the posterior files that are named by an earlier comparison in the folder."""
    try:
        content = json.loads((folder / COMPARISON).read_text(encoding="utf-8"))
        named = {model["posterior"] for entry in content["conditions"] for model in entry["models"].values()}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # Only names that we would write: a foreign comparison.json must not make us remove other files.
    return {name for name in named if re.fullmatch(r"posteriors/[A-Za-z0-9._+-]+\.nc", name)}


def _slug(number: int, result: ConditionResult, n_conditions: int) -> str:
    if n_conditions == 1 and not result.condition:
        return ""
    label = "-".join(str(value) for value in result.condition.values())
    return f"{number + 1:03}-{re.sub(r'[^A-Za-z0-9.]+', '-', label)[:60]}-"
