"""Print a comparison on a terminal."""

from typing import TYPE_CHECKING

from .output import emit

if TYPE_CHECKING:
    from ...inference import Comparison


def show_comparison(comparison: "Comparison") -> None:
    """Print each condition's verdict and reasons, and the table."""
    from ..report.comparison_report import verdict_sentence

    if comparison.decisions.get("reasons"):
        emit(comparison.decisions["sentence"])
    for result in comparison.conditions:
        emit(f"{result.label}: {verdict_sentence(result)}" if result.label else verdict_sentence(result))
        for reason in result.reasons[1:]:
            emit(f"  {reason}")
    first = comparison.conditions[0]
    emit(f"level: {first.level} ({first.level_reason})")
    label = "exposure" if first.level == "individual" else "closure"
    emit(f"{label}: {first.closure} ({first.closure_reason})")
    if first.covariates:
        emit(f"covariates of all models: {', '.join(first.covariates)}")
    emit(f"clock: {first.clock} ({first.clock_reason})")
    if unit := comparison.trajectories.time_unit:
        emit(f"time: in {unit}s, so rates are per {unit}")
    compared, total = (sum(getattr(r, n) for r in comparison.conditions) for n in ("n_observations", "n_increments"))
    if compared < total and first.level == "count":
        emit(f"increments: {compared} of {total} compared; in the others nobody was susceptible or exposed")
    if not comparison.table.empty:
        columns = [*comparison.by, "verdict", "model", "elpd_loo", "se", "p_loo", "weight", "pareto_k_bad"]
        for column in ("log_evidence", "elpd_future"):
            if column in comparison.table:
                columns.append(column)
        emit("\n" + comparison.table[columns].to_string(index=False, float_format=lambda value: f"{value:.3f}"))
