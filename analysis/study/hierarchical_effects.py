"""Effects of traits, events and ways to ask over the conditions of a study: whether to fit them, and their tables."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...inference.comparison.storage import TRAJECTORIES
from ...inference.hierarchical.design import TERMS, TRAITS
from ...inference.likelihood.likelihoods import LIKELIHOODS
from ...simulate.history_files import shares_path
from ...simulate.tables import read_parquet, write_table
from .askings import FACTORS as ASKED
from .store import POSTERIORS, StudyFolder
from .study_file import EffectTable, StudySpecification

Report = Callable[[str, int, int], None]

SETTINGS_OF_CONDITIONS = ("model", "network", "visibility", "scenario")
"""Columns that are terms too where they vary, but whose effects alone are no reason to fit."""
FACTOR_TERMS = {"composition": TRAITS, "event_type": ("event_type", "fatalities")}
"""Terms that describe a factor of a study; any other factor is a term itself."""
FILE = "hierarchical-{}.nc"
"""Name of a fit in the folder of posteriors, by SI model."""


def terms_of(conditions: pd.DataFrame) -> list[str]:
    """Return the terms of the conditions of a study: traits and event, and what else varies between conditions.

    The seed is a term where ways to ask are compared: they share its network.
    """

    def varied(*names: str) -> list[str]:
        return [name for name in names if name in conditions and conditions[name].nunique(dropna=False) > 1]

    asked = varied(*ASKED)
    return [*TERMS, *asked, *varied(*SETTINGS_OF_CONDITIONS), *(varied("seed") if asked else [])]


def read_conditions(store: Path) -> pd.DataFrame:
    """Return the conditions of a study as the hierarchical model takes them: a seed is a label, not a number."""
    conditions = read_parquet(store / "conditions.parquet")[0]
    return conditions.assign(seed=conditions["seed"].astype(str))


def effects_wanted(table: EffectTable, conditions: pd.DataFrame) -> bool:
    """Return whether effects are fitted: as the file says, or by default if conditions differ enough.

    Parameters
    ----------
    table : EffectTable
        Table `[effects]` of the study file.
    conditions : pandas.DataFrame
        Conditions of the study.

    Returns
    -------
    bool
        By default true if persona, event or the way to ask varies, and there are at least twice as many distinct
        conditions as coefficients in a linear model of the terms that vary.

    Examples
    --------
    >>> same = {**dict.fromkeys("CEAN", 1.0), "event_type": "Riots", "fatalities": 0}
    >>> conditions = pd.DataFrame({"O": [1.0, -1.0], **same})
    >>> effects_wanted(EffectTable(), conditions), effects_wanted(EffectTable(fit=True), conditions)
    (False, True)
    """
    if table.fit is not None:
        return table.fit
    terms = conditions[terms_of(conditions)]
    design = pd.get_dummies(terms, dtype=float).drop_duplicates()
    rank = int(np.linalg.matrix_rank((design - design.mean()).to_numpy()))
    decided = [name for name in terms if name in (*TERMS, *ASKED)]
    return terms[decided].drop_duplicates().shape[0] > 1 and len(design) >= 2 * (rank + 1)


def write_effects(
    specification: StudySpecification,
    store: StudyFolder,
    record: Mapping[str, Any],
    progress: Report | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Fit the hierarchical model to a study whose tables exist; write effects, term comparison, posteriors.

    `effects.parquet` is written last. If it exists, all other files do, and nothing is fitted again.

    Parameters
    ----------
    specification : StudySpecification
        The study.
    store : StudyFolder
        Folder of the study.
    record : mapping
        Metadata that is written into the schema of the tables.
    progress : callable, optional
        Called with the current stage, steps done, and steps in total.
    say : callable, optional
        Called with problems of the sampling, if any, and terms that are left out.
    """
    settings, effects_path = specification.effects, store.path / "effects.parquet"
    conditions = read_conditions(store.path)
    if effects_path.is_file() or not effects_wanted(settings, conditions):
        return
    from ...inference.hierarchical.hierarchical import compare_terms, fit_hierarchical

    effects, left_out = [], []
    comparison = specification.comparison
    likelihood = comparison.likelihood
    # The hierarchical model has no likelihood of whole curves.
    if likelihood is not None and LIKELIHOODS[likelihood].kind != "transition":
        likelihood = "beta-binomial"
    # Event histories take several times as long here: only where the file asks for them.
    recorded = shares_path(store.path / TRAJECTORIES).is_file()
    level = "individual" if comparison.level == "individual" and recorded and not settings.closure else "count"
    for si_model in settings.si_models:

        def tell(done: int, total: int, stage: str = f"effects on {si_model}") -> None:
            if progress:
                progress(stage, done, total)

        fit = fit_hierarchical(
            conditions,
            store.path / TRAJECTORIES,
            model=si_model,
            closure=settings.closure,
            clock=specification.spread.clock,
            likelihood=likelihood,
            level=level,
            contact=comparison.contact,
            terms=terms_of(conditions),
            seed=specification.seed[0],
            progress=tell,
        )
        for note in (*fit.notes, *(f"the sampler's results cannot be trusted: {problem}" for problem in fit.problems)):
            if say:
                say(f"effects on {si_model}: {note}")
        fit.save(store.path / POSTERIORS / FILE.format(si_model))
        effects.append(fit.effects.assign(problems="; ".join(fit.problems), notes="; ".join(fit.notes)))
        if settings.compare_terms and fit.has_terms:
            left_out.append(compare_terms(fit, conditions, progress=tell))
    if left_out:
        write_table(pd.concat(left_out, ignore_index=True), store.path / "effects_loo.parquet", record)
    write_table(pd.concat(effects, ignore_index=True), effects_path, record)
