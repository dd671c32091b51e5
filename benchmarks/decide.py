"""Model calls and tokens of a decision table, against a loop that asks the model for every decision.

Run with `python benchmarks/decide.py`; it takes about two minutes. The model is a Llama of about 30 million parameters
with random weights and the embedded tokenizer, because the counts do not depend on the answers. The probabilities of
both ways are compared on the prompts that the loop is timed on.
"""

import platform
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tworate.agents import Elicitation, Question, all_personas, decide, load_language_model, shipped_events
from tworate.agents.embedded import FOLDER
from tworate.agents.language_model import LanguageModel
from tworate.agents.prefix_tree import prefix_tree
from tworate.agents.prompts import OPTIONS, default_templates
from tworate.simulate import random_regular, spread

SIGHTINGS = 5
TIMED_PROMPTS = 40
AGENTS, DEGREE, ROUNDS, VISIBILITY, SEEDS = 100_000, 8, 40, 0.25, 500
WORDINGS = (OPTIONS, ("repost", "skip"))


def random_llama(folder: Path) -> LanguageModel:
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=512, intermediate_size=1408, num_hidden_layers=9, num_attention_heads=8,
        num_key_value_heads=8, max_position_embeddings=4096, tie_word_embeddings=False,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_language_model(str(folder))


def prompts_of(n_events: int, wordings: tuple[tuple[str, str], ...]) -> list[tuple[list[dict[str, str]], tuple]]:
    """Return every distinct prompt of the events' decision tables, with its options."""
    questions = [
        Question(persona, event, sighting, is_last=sighting == SIGHTINGS)
        for event in shipped_events()[:n_events]
        for persona in all_personas()
        for sighting in range(1, SIGHTINGS + 1)
    ]
    return [
        (default_templates().conversation(question, order), wording)
        for wording in wordings
        for order in (wording, wording[::-1])
        for question in questions
    ]


def words(text: str) -> list[str]:
    return re.findall(r"\s?\w+|\s|[^\w\s]", text)


def decisions_in_a_run(table: np.ndarray, members: np.ndarray, seed: int) -> tuple[int, int]:
    """Run the process of `spread` once; return the number of decisions and of agents that shared."""
    network = random_regular(AGENTS, DEGREE, seed=seed)
    rng = np.random.default_rng(seed)
    neighbours = network.indices.reshape(AGENTS, DEGREE)
    shared = np.zeros(AGENTS, dtype=bool)
    shared[rng.choice(AGENTS, SEEDS, replace=False)] = True
    sightings = np.zeros(AGENTS, dtype=int)
    decisions = 0
    for _ in range(ROUNDS):
        seen = rng.binomial(shared[neighbours].sum(axis=1), VISIBILITY)
        persuaded = np.zeros(AGENTS, dtype=bool)
        for number in range(DEGREE):
            deciding = np.flatnonzero(~shared & ~persuaded & (seen > number))
            decisions += deciding.size
            p = table[members[deciding], np.minimum(sightings[deciding], table.shape[1] - 1)]
            sightings[deciding] += 1
            persuaded[deciding] = rng.random(deciding.size) < p
        shared |= persuaded
    return decisions, int(shared.sum())


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        model = random_llama(Path(name))
        parameters = sum(p.numel() for p in model.model.parameters())
        print(f"{parameters / 1e6:.1f} million parameters, float32, CPU, {torch.get_num_threads()} threads, ", end="")
        print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}\n")

        prompts = prompts_of(1, WORDINGS[:1])
        timed = prompts[:: len(prompts) // TIMED_PROMPTS]
        began = time.perf_counter()
        loop = []
        for conversation, options in timed:
            prompt, answers = model.encoder.encode(conversation, options)
            with torch.inference_mode():
                log_p = model.model(torch.tensor([prompt])).logits[0, -1].double().log_softmax(-1)
            loop.append([log_p[answer[0]].item() for answer in answers])
        per_prompt = (time.perf_counter() - began) / len(timed)
        ours = np.array(model.score_answers(*zip(*timed, strict=True)))
        print(f"largest difference of log P(option) from the loop's: {np.abs(ours - np.array(loop)).max():.1e}\n")

        print("| prompts | way | calls | tokens | fewer | time (s) | prompts' tokens in whole words: fewer |")
        print("|---|---|---|---|---|---|---|")
        for n_events, wordings in ((1, WORDINGS[:1]), (1, WORDINGS), (3, WORDINGS[:1])):
            prompts = prompts_of(n_events, wordings)
            n_tokens = sum(len(model.encoder.prompt(conversation)) for conversation, _ in prompts)
            number: dict[str, int] = {}
            spelled = {
                tuple(number.setdefault(w, len(number)) for w in words(model.encoder.render(conversation)))
                for conversation, _ in prompts
            }
            nodes = (path[-1] for root in prefix_tree(spelled) for path in root.walk())
            in_words = sum(map(len, spelled)) / sum(len(node.tokens) for node in nodes)
            questions = f"{n_events} × 32 personas × {SIGHTINGS} sightings × 2 orders × {len(wordings)}"
            seconds = f"about {per_prompt * len(prompts):.0f} (from {len(timed)})"
            print(f"| {questions} | one forward a prompt | {len(prompts)} | {n_tokens} | 1 | {seconds} | |")
            work = model.work
            calls, tokens = work.calls, work.tokens
            began = time.perf_counter()
            tables = decide(
                model, shipped_events()[:n_events], sightings=SIGHTINGS, elicitation=Elicitation(wordings=wordings)
            )
            seconds = f"{time.perf_counter() - began:.1f}"
            tokens, calls = work.tokens - tokens, work.calls - calls
            fewer = f"{n_tokens / tokens:.1f}×"
            print(f"| | `decide` | {calls} | {tokens} | {fewer} | {seconds} | {in_words:.1f}× |", flush=True)
            if n_events == 1 and len(wordings) == 1:
                cost = calls
        assert len(tables) == 3

    (table,) = decide(load_language_model("embedded"), shipped_events()[:1], sightings=SIGHTINGS)
    members = np.random.default_rng(0).integers(32, size=AGENTS)
    decisions, sharers = decisions_in_a_run(table.probabilities, members, seed=0)
    trajectory = spread(
        random_regular(AGENTS, DEGREE, seed=0), table.probabilities, members, rounds=ROUNDS, replicates=1,
        initial_sharers=SEEDS, visibility=VISIBILITY, seed=1,
    ).table  # fmt: skip
    print(
        f"\nA run of {AGENTS:,} agents over {ROUNDS} rounds (embedded model's table, degree {DEGREE}, visibility "
        f"{VISIBILITY}) makes {decisions:,} decisions (sharers at its end: {sharers:,}; by `spread`: "
        f"{trajectory['infected'].iloc[-1]:,}).\nOne call a decision and order: {2 * decisions:,} calls; `decide`: "
        f"{cost}, {2 * decisions / cost:,.0f} times fewer."
    )


if __name__ == "__main__":
    main()
