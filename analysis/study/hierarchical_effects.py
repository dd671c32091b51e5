"""Effects of traits and events over the conditions of a study: whether they can be told, and the tables of them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...inference.comparison.storage import TRAJECTORIES
from ...inference.likelihood.likelihoods import LIKELIHOODS
from ...simulate.tables import read_parquet, write_table
from .store import POSTERIORS, StudyFolder
from .study_file import EffectTable, StudySpecification

Report = Callable[[str, int, int], None]

TERMS = ("O", "C", "E", "A", "N", "event_type", "fatalities")
"""Columns of the conditions whose effects can be told."""


def effects_wanted(table: EffectTable, conditions: pd.DataFrame) -> bool:
    """Say whether effects are fitted: as the file says, or else where conditions differ enough.

    Parameters
    ----------
    table : EffectTable
        The study's table `[effects]`.
    conditions : pandas.DataFrame
        Its conditions.

    Returns
    -------
    bool
        By default, whether something of :data:`TERMS` varies, and there are at least twice as many different
        conditions as numbers that a linear model of what varies would have.

    Examples
    --------
    >>> same = {**dict.fromkeys("CEAN", 1.0), "event_type": "Riots", "fatalities": 0}
    >>> conditions = pd.DataFrame({"O": [1.0, -1.0], **same})
    >>> effects_wanted(EffectTable(), conditions), effects_wanted(EffectTable(fit=True), conditions)
    (False, True)
    """
    if table.fit is not None:
        return table.fit
    design = pd.get_dummies(conditions[[*TERMS]], columns=["event_type"], dtype=float).drop_duplicates()
    varied = design - design.mean()
    rank = int(np.linalg.matrix_rank(varied.to_numpy()))
    return rank > 0 and len(design) >= 2 * (rank + 1)


def write_effects(
    specification: StudySpecification,
    store: StudyFolder,
    record: Mapping[str, Any],
    progress: Report | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Fit the hierarchical model to a study whose tables are there; write effects, terms that matter, posteriors.

    `effects.parquet` comes last: where it is there, all of them are, and nothing is done again.

    Parameters
    ----------
    specification : StudySpecification
        The study.
    store : StudyFolder
        Its folder.
    record : mapping
        What goes into the schema of the tables.
    progress : callable, optional
        Called with what begins now, and numbers of steps done and in all.
    say : callable, optional
        Called with what is wrong with the sampling, if anything, and which terms are left out.
    """
    wanted, effects_path = specification.effects, store.path / "effects.parquet"
    conditions = read_parquet(store.path / "conditions.parquet")[0]
    if effects_path.is_file() or not effects_wanted(wanted, conditions):
        return
    from ...inference.hierarchical.hierarchical import compare_terms, fit_hierarchical

    effects, left_out = [], []
    asked = specification.comparison.likelihood
    # Of whole curves there is no hierarchical model.
    likelihood = asked if LIKELIHOODS[asked].kind == "transition" else "beta-binomial"
    for si_model in wanted.si_models:

        def tell(done: int, total: int, what: str = f"effects on {si_model}") -> None:
            if progress:
                progress(what, done, total)

        fit = fit_hierarchical(
            conditions,
            store.path / TRAJECTORIES,
            model=si_model,
            closure=wanted.closure,
            clock=specification.spread.clock,
            likelihood=likelihood,
            seed=specification.seed[0],
            progress=tell,
        )
        for note in (*fit.notes, *(f"the sampler's numbers cannot be trusted: {problem}" for problem in fit.problems)):
            if say:
                say(f"effects on {si_model}: {note}")
        fit.save(store.path / POSTERIORS / f"hierarchical-{si_model}.nc")
        effects.append(fit.effects.assign(problems="; ".join(fit.problems), notes="; ".join(fit.notes)))
        if wanted.compare_terms and fit.has_terms:
            left_out.append(compare_terms(fit, conditions, progress=tell))
    if left_out:
        write_table(pd.concat(left_out, ignore_index=True), store.path / "effects_loo.parquet", record)
    write_table(pd.concat(effects, ignore_index=True), effects_path, record)
