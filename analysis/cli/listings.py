"""`tworate personas` and `tworate models`: lists of profiles, models and structures."""

from typing import TYPE_CHECKING

from . import options

_MAX_PRIORS = 4
"""Priors that are written out; a spline has many alike."""

if TYPE_CHECKING:
    from ...models.parameters import Parameter


def personas(as_json: options.AsJson = False) -> None:
    """List the 32 Big Five profiles.

    Examples
    --------
        tworate personas
    """
    from ...agents import TRAITS, all_personas
    from .output import emit, emit_json

    profiles = all_personas()
    if as_json:
        emit_json({"personas": [{"code": p.code, "levels": p.levels, "adjectives": p.adjectives()} for p in profiles]})
        return
    width = max(map(len, TRAITS)) + 2
    emit("code   " + "".join(trait.ljust(width) for trait in TRAITS))
    for persona in profiles:
        levels = persona.levels
        emit(f"{persona.code}  " + "".join(("high" if levels[t] else "low").ljust(width) for t in TRAITS))


def models(as_json: options.AsJson = False) -> None:
    """List the SI models, and the structures that combine with them, with their parameters and priors.

    Examples
    --------
        tworate models --json
    """
    from ...models import CLOSURES, all_models
    from ...models.structures import all_structures
    from .output import emit, emit_json

    si_models = all_models()
    if as_json:
        emit_json(
            {
                "models": [
                    {
                        "name": name,
                        "summary": model.summary,
                        "reference": model.reference,
                        "closures": list(model.closures),
                        "parameters": {key: _described(spec) for key, spec in model.parameters().items()},
                        "coordinates": {key: _described(spec) for key, spec in model.coordinates().items()},
                    }
                    for name, model in si_models.items()
                ],
                "structures": [
                    {
                        "name": name,
                        "summary": structure.summary,
                        "reference": structure.reference,
                        "parameters": {key: _described(spec) for key, spec in structure.parameters().items()},
                        "coordinates": {key: _described(spec) for key, spec in structure.coordinates().items()},
                    }
                    for name, structure in all_structures().items()
                ],
            }
        )
        return
    for name, model in si_models.items():
        emit(f"{name}: {model.summary}")
        for key, spec in model.parameters().items():
            emit(f"    {key:<14} {spec.meaning}{f' ({spec.unit})' if spec.unit else ''}")
        priors = "; ".join(f"{key} ~ {spec.stated_prior}" for key, spec in model.coordinates().items())
        emit(f"    priors: {priors}")
        if model.closures != CLOSURES:
            emit(f"    only under the closure: {', '.join(model.closures)}")
        emit(f"    source: {model.reference}")
    emit("\nStructures: what else may change the pace, with any model (such as one-rate+ageing)")
    for name, structure in all_structures().items():
        emit(f"{name}: {structure.summary}")
        stated = [f"{key} ~ {spec.stated_prior}" for key, spec in structure.coordinates().items()]
        shown = stated if len(stated) <= _MAX_PRIORS else [stated[0], f"and {len(stated) - 1} more like it"]
        emit(f"    priors: {'; '.join(shown) or 'none: its setting is found before the fit'}")
        emit(f"    source: {structure.reference}")


def _described(spec: "Parameter") -> dict[str, object]:
    return {
        "meaning": spec.meaning,
        "unit": spec.unit,
        "support": [str(end) for end in spec.support],
        "prior": spec.stated_prior,
    }
