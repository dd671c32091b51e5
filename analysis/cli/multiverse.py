"""`tworate multiverse`: does the verdict hold however the model is asked?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .groups import EventOptions, ModelOptions, grouped

if TYPE_CHECKING:
    from ...agents import LanguageModel
    from ..study.study_file import LanguageModelEntry


@grouped
def multiverse(
    model: ModelOptions,
    events: EventOptions,
    wording: Annotated[
        list[str] | None,
        typer.Option(
            "--wording",
            metavar="A/B",
            help="Wordings of the options; may be repeated; default: share/ignore, letters:share/ignore, "
            "numbers:share/ignore.",
        ),
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(
            "--question", metavar="NAME", help="Framings of the question; may be repeated; default: standard, survey."
        ),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(
            "--order", metavar="ORDER", help="Orders of the options; default: share-first and ignore-first, each alone."
        ),
    ] = None,
    elicitation: Annotated[
        list[str] | None,
        typer.Option("--elicitation", metavar="METHOD", help="logits, sample or both (repeat it); default: logits."),
    ] = None,
    qualifier: Annotated[
        list[str] | None,
        typer.Option("--qualifier", metavar="NAME", help="Intensities of the adjectives; default: very."),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option("--temperature", metavar="T", help="With sample: temperatures; default: 1."),
    ] = None,
    personas: Annotated[
        str, typer.Option("--personas", metavar="CODES|FILE", help="Personas of the agents, as in tworate run.")
    ] = "all",
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="With sample: answers to each prompt.")] = 100,
    agents: Annotated[int, typer.Option("--agents", metavar="N", help="Number of agents.")] = 1000,
    replicates: Annotated[int, typer.Option("--replicates", metavar="R", help="Independent replicates.")] = 10,
    rounds: Annotated[int, typer.Option("--rounds", metavar="T", help="Rounds of each replicate.")] = 40,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the results; default: runs/multiverse.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Ask in many ways, simulate and compare each, and see whether the verdict holds.

    Every combination of wording, framing and order is a specification: it is asked, simulated on the same network with
    the same random numbers, and compared. The result is a specification curve, and how often a single choice changes
    the verdict. An interrupted run goes on with the same command. `tworate study` crosses more, by a file.

    Examples
    --------
        tworate multiverse --out runs/multiverse

        tworate multiverse --model ./my-model --wording share/ignore --wording yes/no --question standard

        tworate multiverse --model ./my-model --elicitation logits --elicitation sample --samples 200
    """
    from ...errors import InputError
    from ...files import check_writable
    from ..study.run import run_study
    from ..study.study_file import make_study
    from .output import emit, emit_json, progress_bar, say

    chosen = events.chosen()
    if len(chosen) > 1:
        raise InputError("a multiverse is of one event; name it with --event, or cross events in a study file")
    folder = out or Path("runs/multiverse")
    entry = {
        "model": model.model,
        **{name: getattr(model, name) for name in ("base_url", "device", "dtype") if getattr(model, name)},
        **({"think": True} if model.think else {}),
    }
    content: dict[str, Any] = {
        "seed": seed,
        "language_models": [entry],
        "events": {
            "ids": [chosen[0].event_id_cnty],
            **({"file": str(events.events.resolve())} if events.events else {}),
        },
        "personas": {"mixtures": {"all agents": personas}},
        "spread": {"agents": agents, "replicates": replicates, "rounds": rounds},
        # The gate judges answers that hardly name an option: here they are a result.
        "elicitation": {"samples": samples, "max_unparsable": 1.0},
        "prompts": {
            "wordings": wording or ["share/ignore", "letters:share/ignore", "numbers:share/ignore"],
            "questions": question or ["standard", "survey"],
            "orders": order or ["share-first", "ignore-first"],
            **({"methods": elicitation} if elicitation else {}),
            **({"qualifiers": qualifier} if qualifier else {}),
            **({"temperatures": temperature} if temperature else {}),
        },
        "effects": {"si_models": ["one-rate"]},
    }
    specification = make_study(content, source="multiverse")
    say(f"specifications: {len(specification.askings)}")

    def load(entry: "LanguageModelEntry") -> "LanguageModel":
        return model.load()

    check_writable(folder / "study.json")
    with progress_bar() as bar:
        run_study(
            specification,
            folder,
            load=load,
            progress=bar.with_time_left("working"),
            say=lambda message: say(message if message.startswith("note: ") else f"note: {message}"),
        )
    from ..report.study_report import specifications

    result = specifications(folder)
    if as_json:
        emit_json({"folder": str(folder), **result.to_json()})
        return
    emit(result.sentence)
    emit("\n" + result.table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    emit("\nShare of single changes that flip the verdict, and of the variance that a factor explains:\n")
    emit(result.factors.to_string(index=False, float_format=lambda value: f"{value:.2f}"))
    say(f"report: {folder / 'report.html'}")
