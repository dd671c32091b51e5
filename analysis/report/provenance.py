"""What was run: the data, the settings and the versions of a comparison, as labels and values."""

import json
from typing import Any

from ...common.cues import CUE_MEANINGS
from ...inference import LIKELIHOODS, Comparison
from .methods import counted
from .numbers import setting


def provenance(comparison: Comparison, run: dict[str, Any]) -> dict[str, str]:
    """Return labels and values that describe the data, the settings and the versions."""
    first = comparison.conditions[0]
    samplers = {
        posterior.attrs["sampler"] for result in comparison.conditions for posterior in result.posteriors.values()
    }
    content = {
        "date": comparison.made.get("date", "not recorded"),
        "command": comparison.made.get("command", "none: made in Python, or not recorded"),
        "data": comparison.trajectories.source,
        "conditions": ", ".join(comparison.by) or "one",
        "level": f"{first.level} ({first.level_reason})",
        "exposure": f"{first.closure} ({first.closure_reason})",
        **({"covariates of all models": ", ".join(first.covariates)} if first.covariates else {}),
        "likelihood": f"{first.likelihood}, "
        + (
            "of each agent given the history of the others"
            if first.level == "individual"
            else "of each increment given the past"
            if LIKELIHOODS[first.likelihood].kind == "transition"
            else "of the whole curve from its start"
        ),
        "clock": f"{first.clock} ({first.clock_reason})",
        "unit of leave-one-out": first.unit,
        "scales of the priors": f"{first.prior_scale:g} times those of the models",
        "seed of the fits": str(comparison.seed),
        "sampler": "nutpie NUTS; "
        + " / ".join(
            ", ".join(f"{key} {value}" for key, value in json.loads(text).items()) for text in sorted(samplers)
        ),
    }
    labels = {
        "model": "language model",
        "fingerprint": "model fingerprint",
        "events": "events",
        "personas": "personas",
        "groups": "groups of agents",
        "qualifier": "strength of their adjectives",
        "cue": "what they see of others",
        "elicitation": "how decisions were elicited",
        "network": "network",
        "agents": "agents",
        "degree": "neighbours of each agent",
        "replicates": "replicates",
        "rounds": "rounds",
        "clock": "clock of the simulation",
        "visibility": "visibility of a post on an edge, per round or unit of time",
        "outside": "exposure to the outside world, per round or unit of time",
        "initial_sharers": "agents that have shared at the start",
        "seeds": "choice of these agents",
        "interventions": "interventions",
        "message": "counter-message",
        "pace": "changes of the pace",
        "homophily": "homophily, requested",
        "placement": "placement of personas or groups",
        "assortativity": "assortativity of personas or groups, measured",
        "seed": "seed of the simulation",
    }
    if groups := run.get("groups"):
        run = {**run, "groups": _groups(groups), "personas": None}
    if models := run.get("models"):
        run = {**run, "elicitation": "; ".join(f"{one['model']}: {_elicitation(one['elicitation'])}" for one in models)}
    elif elicitation := run.get("elicitation"):
        run = {**run, "elicitation": _elicitation(elicitation)}
    if "cue" in run:
        run = {**run, "cue": CUE_MEANINGS.get(run["cue"])}
    if "interventions" in run:
        run = {**run, "interventions": ", ".join(run["interventions"]) or "none"}
    if message := run.get("message"):
        run = {**run, "message": f"{message['text']} ({message['sentence']})"}
    content |= {label: setting(run[key]) for key, label in labels.items() if run.get(key) is not None}
    fitted = [posterior for result in comparison.conditions for posterior in result.posteriors.values()]
    versions = {**(json.loads(fitted[0].attrs["versions"]) if fitted else {}), **run.get("versions", {})}
    content["versions"] = ", ".join(f"{name} {number}" for name, number in versions.items())
    return content


def _groups(records: list[dict[str, Any]]) -> str:
    return "; ".join(f"{one['group']}: {counted(one['agents'], 'agent')}, {one['decides']}" for one in records)


def _elicitation(record: dict[str, Any]) -> str:
    # Records of earlier versions have pairs of words.
    wordings = ", ".join(w if isinstance(w, str) else "/".join(w) for w in record["wordings"])
    mass = f"probability of the two options together {record['option_mass']:.4f} (mean of all prompts)"
    if record["method"] == "logits":
        return f"log-probabilities of whole options, both orders; {wordings}; {mass}"
    instead = " (the model gives no log-probabilities of the options)" if record["method_asked"] == "logits" else ""
    return (
        f"{record['samples']} answers sampled at temperature {record['temperature']:g} to each prompt{instead}, both "
        f"orders; {wordings}; {mass}; {record['unparsable']} answers named neither option and count for neither"
    )
