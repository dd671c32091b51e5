"""The hierarchical model over the conditions of a study: effects of persona and event on the rates."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...errors import InputError, check_seed
from ...simulate import Trajectories
from ...simulate.reading.reader import as_trajectories
from ..data.individual import EVENT_HISTORIES
from ..data.observations import choose_clock, choose_closure
from ..likelihood.likelihoods import LIKELIHOODS
from ..likelihood.own_model import model_class
from ..likelihood.specification import Specification
from ..loo.loo import elpd_difference
from ..posterior.arviz_adapter import open_netcdf
from ..posterior.fitting import DEFAULT_LIKELIHOOD, check_names, checked_contact, choose_level
from ..posterior.sampling import SamplerSettings
from .condition_observations import CONDITION
from .design import Design, codings_from_json
from .draws import SETTINGS, prepare, sample, summarize, with_design
from .hierarchical_data import HierarchicalData
from .hierarchical_fit import HierarchicalFit
from .quantities import MODELS

__all__ = [
    "HierarchicalFit",
    "build_hierarchical",
    "compare_terms",
    "fit_hierarchical",
    "load_hierarchical",
    "study_of",
]

if TYPE_CHECKING:
    import pymc as pm

Progress = Callable[[int, int], None]


def fit_hierarchical(
    conditions: pd.DataFrame,
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    *,
    model: str = "two-rate",
    closure: str | None = None,
    clock: str | None = None,
    likelihood: str | None = None,
    level: str | None = "count",
    contact: str = "edges",
    terms: Sequence[str] | None = None,
    seed: int = 0,
    sampler: SamplerSettings | None = None,
    progress: Progress | None = None,
) -> HierarchicalFit:
    """Fit the rates of all conditions of a study at once, as functions of the conditions' terms.

    Parameters
    ----------
    conditions : pandas.DataFrame
        One row per condition: `condition` (a label), and one column per term.
    trajectories : Trajectories, DataFrame or path
        The data. The column `condition` names the condition of each trajectory.
    model : {"two-rate", "one-rate"}
        The SI model of every condition.
    closure : {"recorded", "edge-based", "mean-field"}, optional
        Where exposure comes from; by default the most exact closure that the data allow.
    clock : {"rounds", "continuous"}, optional
        Synchronous rounds, or continuous time between observations; by default the clock of the simulation if the data
        record it, otherwise rounds.
    likelihood : {"beta-binomial", "binomial"}, optional
        Distribution of new sharers given the past; by default beta-binomial for counts, binomial for event histories.
    level : {"count", "individual"}, optional
        Counts, or event histories: these take several times as long. None takes event histories where the data have
        them.
    contact : {"edges", "fraction"}
        How the exposure of an agent counts sharing neighbours.
    terms : sequence of str, optional
        Columns of `conditions`: numbers (fatalities in powers of ten), or labels, whose effects sum to zero. By default
        those of O, C, E, A, N, event_type and fatalities that exist. A term is left out with a note if it does not vary
        or cannot be distinguished from earlier terms.
    seed : int
        Seed of sampling.
    sampler : SamplerSettings, optional
        How to sample; by default 400 warm-up and 1000 kept draws of 4 chains, with target acceptance 0.9. If the
        diagnostics are bad, the model is sampled once more, longer or harder.
    progress : callable, optional
        Called with the number of steps done, and their total.

    Returns
    -------
    HierarchicalFit

    Raises
    ------
    InputError
        When the data, a term or a name cannot be used.
    JobError
        When sampling fails.

    Notes
    -----
    The log-rates and the logit of the weight of condition c are `θ_c ~ N(intercept + Σ effects, sd²)`. The likelihood
    of all increments given θ is exact. See docs/hierarchy.md.

    Examples
    --------
    >>> import pandas as pd
    >>> from tworate.inference.hierarchical.hierarchical import fit_hierarchical
    >>> from tworate.simulate import CompleteNetwork, Trajectories, spread
    >>> conditions = pd.DataFrame({"condition": range(8), "O": [-1, 1] * 4})
    >>> tables = [
    ...     spread(CompleteNetwork(200), [[0.2 + 0.1 * (o > 0)]], rounds=20, replicates=2, visibility=0.02, seed=c,
    ...            conditions={"condition": c}).table
    ...     for c, o in zip(conditions["condition"], conditions["O"])
    ... ]
    >>> data = Trajectories(pd.concat(tables))
    >>> fit = fit_hierarchical(conditions, data, model="one-rate", likelihood="binomial", seed=1)
    >>> effect = fit.effects.set_index("term").loc["O"]
    >>> bool(effect["ratio_low"] < (0.3 / 0.2) ** 0.5 < effect["ratio_high"])
    True
    """
    report = progress or (lambda done, total: None)
    report(0, 3)
    study = study_of(
        conditions,
        trajectories,
        model=model,
        closure=closure,
        clock=clock,
        likelihood=likelihood,
        level=level,
        contact=contact,
        terms=terms,
    )
    check_seed(seed)
    report(1, 3)
    sampled = sample(study, seed=seed, settings=sampler or SETTINGS)
    report(2, 3)
    fit = HierarchicalFit(sampled.posterior, sampled.summary, study)
    report(3, 3)
    return fit


def study_of(
    conditions: pd.DataFrame,
    trajectories: "Trajectories | pd.DataFrame | str | Path",
    *,
    model: str = "two-rate",
    closure: str | None = None,
    clock: str | None = None,
    likelihood: str | None = None,
    level: str | None = "count",
    contact: str = "edges",
    terms: Sequence[str] | None = None,
) -> HierarchicalData:
    """Return the data of the hierarchical model. Arguments and errors are those of :func:`fit_hierarchical`."""
    if model not in MODELS:
        raise InputError(f"the SI model of the hierarchical model must be {' or '.join(MODELS)}, not {model!r}")
    data = as_trajectories(trajectories)
    chosen_level, _ = choose_level(data, level, closure, likelihood)
    likelihood = likelihood or DEFAULT_LIKELIHOOD[chosen_level]
    check_names(likelihood, 0)
    if LIKELIHOODS[likelihood].kind != "transition":
        raise InputError(
            f"the hierarchical model takes a likelihood of increments, beta-binomial or binomial, not {likelihood}"
        )
    if CONDITION not in conditions:
        raise InputError(f"the table of conditions has no column {CONDITION!r}, which names each condition")
    individual = chosen_level == "individual"
    chosen_closure = EVENT_HISTORIES if individual else choose_closure(data, closure)[0]
    chosen_clock, _ = choose_clock(data, clock)
    specification = Specification(
        model_class(model),
        LIKELIHOODS[likelihood],
        chosen_clock,
        level=chosen_level,
        contact=checked_contact(contact),
    )
    return prepare(conditions.reset_index(drop=True), data, specification, chosen_closure, terms)


def build_hierarchical(
    conditions: pd.DataFrame, trajectories: "Trajectories | pd.DataFrame | str | Path", **how: Any
) -> "pm.Model":
    """Return the hierarchical model as a PyMC model, to inspect it or to sample it by other means.

    Here the quantities of the conditions are plain normal variables. :func:`fit_hierarchical` samples the same model in
    other coordinates.

    Parameters
    ----------
    conditions, trajectories, **how
        See :func:`study_of`.
    """
    from .hierarchical_model import build_hierarchical as build

    return build(study_of(conditions, trajectories, **how), informed=False)


def load_hierarchical(
    path: str | Path,
    conditions: pd.DataFrame | None = None,
    trajectories: "Trajectories | pd.DataFrame | str | Path | None" = None,
) -> HierarchicalFit:
    """Read a fit that was saved.

    Parameters
    ----------
    path : path
        File that :meth:`HierarchicalFit.save` wrote.
    conditions, trajectories : optional
        Data of the fit. Leaving conditions out needs them.

    Raises
    ------
    InputError
        When the file does not exist, or holds no such fit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    try:
        posterior = open_netcdf(path)
        posterior.load()
        codings = codings_from_json(json.loads(posterior.attrs["codings"]))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: is no saved fit of the hierarchical model ({error})") from error
    finally:
        if "posterior" in locals():
            posterior.close()
    study = None
    if conditions is not None and trajectories is not None:
        settings = {name: posterior.attrs[name] for name in ("model", "clock", "likelihood")}
        if posterior.attrs["closure"] != EVENT_HISTORIES:
            settings |= {"closure": posterior.attrs["closure"], "level": "count"}
        else:
            settings |= {"level": "individual", "contact": posterior.attrs["contact"]}
        study = study_of(conditions, trajectories, terms=[coding.name for coding in codings], **settings)
    return HierarchicalFit(posterior, summarize(posterior), study)


def compare_terms(
    fit: HierarchicalFit,
    conditions: pd.DataFrame,
    *,
    seed: int | None = None,
    refit: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare fits with each term left out in turn, by leave-one-condition-out: which terms matter?

    Parameters
    ----------
    fit : HierarchicalFit
        A fit with all terms, and its data.
    conditions : pandas.DataFrame
        The conditions of the fit.
    seed : int, optional
        Seed of the further fits; by default that of the fit.
    refit : int
        See :meth:`HierarchicalFit.loo`.
    progress : callable, optional
        Called with the number of models done, and their total.

    Returns
    -------
    pandas.DataFrame
        One row per model: `si_model`, `left_out` (a term, empty for the model with all, or `all terms`), `elpd_loo`,
        `se`, `p_loo`, `elpd_diff` (elpd with all terms minus that of the row: above 0 if the term helps to predict a
        condition), `dse` (its standard error), `pareto_k_bad` (number of conditions for which PSIS cannot be trusted),
        and `problems` of sampling.

    Raises
    ------
    InputError
        When the fit was read without its data, or has no terms.
    """
    study, seed = fit.needed_study(), fit.seed if seed is None else seed
    terms = study.design.terms
    if not terms:
        raise InputError("the fit has no terms to leave out; its notes say why")
    left_out = [(), *((term,) for term in terms), *([terms] if len(terms) > 1 else [])]
    rows, elpd_of_all = [], None
    for number, absent in enumerate(left_out):
        if progress:
            progress(number, len(left_out))
        reduced = fit
        if absent:
            design = Design.of(conditions.reset_index(drop=True), [term for term in terms if term not in absent])
            smaller = with_design(study, design)
            sampled = sample(smaller, seed=seed, settings=fit.settings)
            reduced = HierarchicalFit(sampled.posterior, sampled.summary, smaller)
        elpd = reduced.loo(refit=refit, seed=seed)
        elpd_of_all = elpd if elpd_of_all is None else elpd_of_all
        difference, dse = elpd_difference(elpd_of_all.pointwise, elpd.pointwise)
        rows.append(
            {
                "si_model": study.specification.name,
                "left_out": "all terms" if len(absent) > 1 else "".join(absent),
                "elpd_loo": elpd.elpd_loo,
                "se": elpd.se,
                "p_loo": elpd.p_loo,
                "elpd_diff": difference,
                "dse": dse,
                "pareto_k_bad": elpd.high_k_units.size,
                "problems": "; ".join(reduced.problems),
            }
        )
    if progress:
        progress(len(left_out), len(left_out))
    return pd.DataFrame(rows)
