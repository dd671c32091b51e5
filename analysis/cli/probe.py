"""`tworate probe`: do the personas take?"""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .groups import AnswerOptions, ModelOptions, grouped


@grouped
def probe(
    who: ModelOptions,
    how: AnswerOptions,
    qualifier: options.Qualifier = "very",
    seed: options.Seed = 0,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="CSV file with the answer to each item.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Figure of the result (.png, .pdf or .svg).")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Let a model answer a personality inventory under all 32 profiles: does it express them?

    The inventory is the Mini-IPIP: 20 statements, four for each of the Big Five. Each trait's row says how far
    profiles with the trait high and low are apart (Cohen's d), how well its items agree (Cronbach's alpha), and how
    much the persona's other traits move it.

    Examples
    --------
        tworate probe --figure probe.png

        tworate probe --model ./my-model --qualifier extremely --json

        tworate probe --model openai:my-model --elicitation sample --samples 50
    """
    from dataclasses import asdict

    from ...agents import PromptTemplates, probe_model
    from ...files import atomic_path, check_writable
    from .figures import check_figure, save_figure
    from .output import emit, emit_json, progress_bar, say

    asking = how.settings(seed)
    templates = PromptTemplates(qualifier=qualifier)
    if out:
        check_writable(out)
    if figure:
        check_figure(figure)
    language_model = who.load()
    with progress_bar() as bar:
        found = probe_model(
            language_model,
            templates=templates,
            seed=seed,
            progress=bar.of("asking the language model"),
            elicitation=asking,
        )
    answers = found.answers
    if answers.method == "sample":
        unread = answers.to_frame()["unparsable"].sum()
        instead = "" if asking.method == "sample" else "the log-probabilities of 1 to 5 are not to be had: "
        say(
            f"note: {instead}answers were sampled, {asking.samples} to each prompt; {unread} of "
            f"{2 * asking.samples * answers.option_mass.size} begin with none of 1 to 5"
        )
    if out:
        with atomic_path(out) as temporary:
            answers.to_frame().to_csv(temporary, index=False)
        say(f"wrote {out}: {answers.option_mass.size} rows")
    if figure:
        from ..report.decision_plots import plot_probe

        save_figure(plot_probe(found), figure)
        say(f"wrote {figure}")
    if as_json:
        emit_json(
            {
                "model": language_model.name,
                "fingerprint": language_model.fingerprint,
                "warning": language_model.warning,
                "qualifier": qualifier,
                "elicitation": {name: value for name, value in asdict(asking).items() if name != "wordings"},
                **found.to_json(),
            }
        )
        return
    say(found.reading)
    for trait in found.traits:
        if trait.reasons:
            say(f"  {trait.trait}: {'; '.join(trait.reasons)}")
    emit(found.to_frame().to_csv(index=False, float_format="%.4g"))
