"""`tworate probe`: whether a model expresses its personas."""

from pathlib import Path
from typing import Annotated

import typer

from . import options
from .groups import AnswerOptions, ModelOptions, grouped


@grouped
def probe(
    model: ModelOptions,
    elicitation: AnswerOptions,
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
    """Test whether a model expresses personas: it answers a personality inventory under all 32 profiles.

    The inventory is the Mini-IPIP: 20 statements, four for each of the Big Five. The row of a trait shows the
    difference between profiles with the trait high and low (Cohen's d), the agreement of its items (Cronbach's alpha),
    and the effect of the other traits.

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

    asking = elicitation.settings(seed)
    templates = PromptTemplates(qualifier=qualifier)
    if out:
        check_writable(out)
    if figure:
        check_figure(figure)
    language_model = model.load()
    with progress_bar() as bar:
        result = probe_model(
            language_model,
            templates=templates,
            seed=seed,
            progress=bar.of("asking the language model"),
            elicitation=asking,
        )
    answers = result.answers
    if answers.method == "sample":
        unread = answers.to_frame()["unparsable"].sum()
        instead = "" if asking.method == "sample" else "the model gives no log-probabilities of 1 to 5: "
        say(
            f"note: {instead}answers were sampled, {asking.samples} to each prompt; {unread} of "
            f"{2 * asking.samples * answers.option_mass.size} do not begin with 1 to 5"
        )
    if out:
        with atomic_path(out) as temporary:
            answers.to_frame().to_csv(temporary, index=False)
        say(f"wrote {out}: {answers.option_mass.size} rows")
    if figure:
        from ..report.decision_plots import plot_probe

        save_figure(plot_probe(result), figure)
        say(f"wrote {figure}")
    if as_json:
        emit_json(
            {
                "model": language_model.name,
                "fingerprint": language_model.fingerprint,
                "warning": language_model.warning,
                "qualifier": qualifier,
                "elicitation": {name: value for name, value in asdict(asking).items() if name != "wordings"},
                **result.to_json(),
            }
        )
        return
    say(result.reading)
    for trait in result.traits:
        if trait.reasons:
            say(f"  {trait.trait}: {'; '.join(trait.reasons)}")
    emit(result.to_frame().to_csv(index=False, float_format="%.4g"))
