"""Decision tables on an accelerator: time, memory and rounding, by tokens in a batch.

Run with `python benchmarks/accelerator.py`; it needs an accelerator, and takes five minutes on a data-centre card. The
models are Llamas in bfloat16 with the shapes of real ones (1.5 and 8 billion parameters, full vocabularies); their
weights are random, which does not change the time. Every row uses the same prompts, those of one event's decision table
in both orders. The log-probabilities are compared with one float32 forward pass per prompt. Sampled answers are the
worst case: with random weights, no two answers start alike. `--tiny` tries the script on a small shape, also on a CPU.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tworate.agents import Elicitation, Question, all_personas, decide, load_language_model, shipped_events
from tworate.agents.embedded import FOLDER
from tworate.agents.forward import TOKENS_PER_BATCH
from tworate.agents.prompts import OPTIONS, default_templates

SHAPES: dict[str, dict[str, Any]] = {
    "1.5 B": {
        "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12,
        "num_key_value_heads": 2, "vocab_size": 151_936, "tie_word_embeddings": True,
    },
    "8 B": {
        "hidden_size": 4096, "intermediate_size": 14_336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128_256, "tie_word_embeddings": False,
    },
}  # fmt: skip
TINY: dict[str, dict[str, Any]] = {
    "tiny": {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 8000, "tie_word_embeddings": True,
    },
}  # fmt: skip
SIGHTINGS = 5
EVERY = 8
"""Every 8th prompt is also scored alone, and answers to it are sampled."""
BATCHES = (1024, 4096, 16_384, 65_536)
SAMPLES = 20
SPARE_GB = 0.5
COLUMNS = (
    "model", "what", "time (s)", "prompts a second", "memory at most (GB)", "largest error of log P(option)", "notes",
)  # fmt: skip


class Table:
    """Rows of one model, printed as they are measured."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name = name
        self.on_gpu = device.type == "cuda"

    def timed(self, work: Callable[[], Any]) -> tuple[Any, float, float]:
        """Do some work; return its result, its seconds, and the peak memory of the device (GB)."""
        if self.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            torch.cuda.synchronize()
        began = time.perf_counter()
        result = work()
        if self.on_gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        return result, seconds, torch.cuda.max_memory_allocated() / 1e9 if self.on_gpu else np.nan

    def row(
        self, label: str, seconds: float, memory: float, prompts: int, error: float | None = None, notes: str = ""
    ) -> None:
        """Print one row."""
        rate = f"{prompts / seconds:.3g}" if prompts else ""
        held = f"{memory:.1f}" if self.on_gpu else ""
        off = "" if error is None else f"{error:.2g}"
        print(f"| {self.name} | {label} | {seconds:.2f} | {rate} | {held} | {off} | {notes} |", flush=True)


def table_prompts() -> list[tuple[Any, tuple[str, str]]]:
    """Return conversation and options of every question of one event's decision table, in both orders."""
    questions = [
        Question(persona, event, sighting, is_last=sighting == SIGHTINGS)
        for event in shipped_events()[:1]
        for persona in all_personas()
        for sighting in range(1, SIGHTINGS + 1)
    ]
    templates = default_templates()
    orders = (OPTIONS, OPTIONS[::-1])
    return [(templates.conversation(question, order), OPTIONS) for order in orders for question in questions]


def save_random_model(folder: Path, shape: dict[str, Any], device: torch.device) -> None:
    """Write a model with random weights and the embedded model's tokenizer."""
    torch.manual_seed(0)
    config = LlamaConfig(max_position_embeddings=8192, dtype="bfloat16", **shape)
    with torch.device(device):
        LlamaForCausalLM(config).bfloat16().save_pretrained(folder)
    AutoTokenizer.from_pretrained(FOLDER).save_pretrained(folder)


def one_by_one(model: Any, prompts: Sequence[Any]) -> NDArray[np.float64]:
    """Return the log-probability of each option, of one token, by one forward pass per prompt."""
    scores = []
    for conversation, options in prompts:
        prompt, answers = model.encoder.encode(conversation, options)
        assert all(len(answer) == 1 for answer in answers)
        with torch.inference_mode():
            logits = model.model(torch.tensor([prompt], device=model.device), logits_to_keep=1).logits[0, -1]
        log_p = logits.double().log_softmax(-1)
        scores.append([log_p[answer[0]].item() for answer in answers])
    return np.array(scores)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Limit the free memory of the device to `SPARE_GB`."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + SPARE_GB * 1e9) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def measure(name: str, shape: dict[str, Any], device: torch.device, folder: Path) -> None:
    save_random_model(folder, shape, device)
    table, prompts = Table(name, device), table_prompts()
    few = prompts[::EVERY]
    model = load_language_model(str(folder), device=str(device), dtype="float32")
    exact = one_by_one(model, few)
    del model

    def error(log_p: NDArray[np.float64]) -> float:
        return float(np.abs(log_p - exact).max())

    model, seconds, memory = table.timed(lambda: load_language_model(str(folder), device=str(device), dtype="bfloat16"))
    table.row("loading", seconds, memory, 0)
    one_by_one(model, few[:2])
    log_p, seconds, memory = table.timed(lambda: one_by_one(model, few))
    table.row("one forward a prompt", seconds, memory, len(few), error(log_p), f"{len(few)} prompts")

    def score() -> NDArray[np.float64]:
        return np.array(model.score_answers(*zip(*prompts, strict=True)))

    for tokens_per_batch in BATCHES:
        model.forward.tokens_per_batch = tokens_per_batch
        score()
        calls, tokens = model.work.calls, model.work.tokens
        log_p, seconds, memory = table.timed(score)
        notes = f"{model.work.calls - calls} calls, {model.work.tokens - tokens} tokens"
        table.row(
            f"scored, {tokens_per_batch} tokens a batch", seconds, memory, len(prompts), error(log_p[::EVERY]), notes
        )
    model.forward.tokens_per_batch = TOKENS_PER_BATCH
    _, seconds, memory = table.timed(lambda: decide(model, shipped_events()[:1], sightings=SIGHTINGS))
    table.row("`decide`", seconds, memory, len(prompts))

    sampling = Elicitation("sample", samples=SAMPLES, max_unparsable=1).sampling
    conversations = [conversation for conversation, _ in few]
    answers, seconds, memory = table.timed(lambda: model.draw_answers(conversations, sampling))
    among_fewer = model.draw_answers(conversations[:3], sampling)
    same = np.mean(np.array(answers[:3], dtype=object) == np.array(among_fewer, dtype=object))
    notes = f"{len(few)} prompts; {same:.0%} of answers the same among fewer prompts"
    table.row(f"{SAMPLES} answers of {sampling.max_tokens} tokens drawn", seconds, memory, len(few), notes=notes)

    if device.type == "cuda":
        with little_memory():
            model.forward.tokens_per_batch = 1_000_000
            log_p, seconds, memory = table.timed(score)
        notes = f"a million tokens a batch at first, then {model.forward.tokens_per_batch}"
        table.row(f"scored, {SPARE_GB} GB to spare", seconds, memory, len(prompts), error(log_p[::EVERY]), notes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a small shape, to try the script")
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not arguments.tiny:
        parser.error("this machine has no accelerator; --tiny tries the script on the CPU")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}; torch {torch.__version__}, transformers {transformers.__version__}\n")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for shape, settings in (TINY if arguments.tiny else SHAPES).items():
        with tempfile.TemporaryDirectory() as folder:
            measure(shape, settings, device, Path(folder))
        if device.type == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
