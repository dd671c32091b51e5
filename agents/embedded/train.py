"""Train the embedded model: a small Llama that answers prompts by the documented synthetic rule.

Run with `python -m tworate.agents.embedded.train` from any folder. It writes the configuration and the weights into
this folder, or into the folder of `--out`. Training starts with a new tokenizer and random weights, or with the
tokenizer and the weights in the folder of `--start`.
"""

import argparse
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from tworate.agents.chat import ChatEncoder
from tworate.agents.embedded import FOLDER, corpus
from tworate.agents.embedded.rule import QUALIFIER_FACTORS, item_probabilities, share_probability
from tworate.agents.inventory import ANSWERS, inventory_items, item_conversation
from tworate.agents.personas import Persona
from tworate.agents.prompts import FRAMINGS, OPTIONS, Conversation, PromptTemplates
from tworate.agents.wordings import LABELS

VOCABULARY = 1000
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ENDINGS = 2
"""Number of prompts in each batch that also train the end of the answer."""
WITH_CUE = 0.5
"""Fraction of the questions that say how many others have shared."""
WITH_MESSAGE = 1 / 3
"""Fraction of the questions that state a counter-message."""
TEMPLATES = {
    (qualifier, framing): PromptTemplates(qualifier=qualifier, question=framing)
    for qualifier in QUALIFIER_FACTORS
    for framing in FRAMINGS
}


class Example(NamedTuple):
    """A prompt, the answers to it, and their probabilities under the rule."""

    conversation: Conversation
    answers: tuple[str, ...]
    probabilities: tuple[float, ...]


def random_examples(
    rng: random.Random, questions: int = 3, items: int = 3, keys: tuple[int, ...] = (1, -1)
) -> Iterator[Example]:
    """Yield examples of one random persona with one system message: questions, then items with the given keys."""
    persona = corpus.random_persona(rng)
    qualifier = "very" if rng.random() < 0.5 else rng.choice(list(QUALIFIER_FACTORS))
    for _ in range(questions):
        yield _question(rng, persona, qualifier)
    for _ in range(items):
        yield _item(rng, persona, qualifier, keys)


def _question(rng: random.Random, persona: Persona, qualifier: str) -> Example:
    question = corpus.random_question(rng, persona, WITH_CUE, WITH_MESSAGE)
    share = share_probability(persona, question.event, question.sighting, qualifier, question.cue, question.message)
    wording, share_first = corpus.random_wording(rng), rng.random() < 0.5
    template = TEMPLATES[qualifier, corpus.random_framing(rng)]
    labels = LABELS.get(wording.labels, ())
    conversation = template.conversation(question, wording.shown(share_first), labels)
    return Example(conversation, wording.answers(share_first), (share, 1 - share))


def _item(rng: random.Random, persona: Persona, qualifier: str, keys: tuple[int, ...]) -> Example:
    item = rng.choice([item for item in inventory_items() if item.keyed in keys])
    conversation = item_conversation(persona, item, TEMPLATES[qualifier, FRAMINGS[0]], reverse=rng.random() < 0.5)
    return Example(conversation, ANSWERS, item_probabilities(persona, item, qualifier))


def train_tokenizer(rng: random.Random) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on prompts and answers; each digit is one token, so that the model can read numbers."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|pad|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )

    def texts() -> Iterator[str]:
        for _ in range(700):
            for example in random_examples(rng):
                yield from (message["content"] for message in example.conversation)
                yield from example.answers

    tokenizer.train_from_iterator(texts(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|im_end|>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model() -> LlamaForCausalLM:
    """Return the untrained network: 2 layers of width 64."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=64,
            intermediate_size=192,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=2,
        )
    )


class Group(NamedTuple):
    """Positions in a batch of prompts of similar length with the same system message.

    `head` (length,): positions of the system message. `tails` (n_prompts, longest): positions of the text after it,
    padded. `real` (n_prompts, longest): False for padding.
    """

    head: torch.Tensor
    tails: torch.Tensor
    real: torch.Tensor


class Batch(NamedTuple):
    """Prompts as one row of tokens: first each system message once, then the texts after them, in the order of groups.

    `ids` and `places` (n_tokens,): token ids, and positions within their own prompt. `heads`: positions (1, length) of
    each system message. `real` (n_tokens,): positions of the tokens after the texts behind system messages are padded.
    """

    ids: torch.Tensor
    places: torch.Tensor
    heads: list[torch.Tensor]
    groups: list[Group]
    real: torch.Tensor


def make_batch(encoder: ChatEncoder, personas: list[list[Example]]) -> Batch:
    """Encode the examples of personas; the examples of one persona share one system message."""
    heads: list[list[int]] = []
    tails: list[list[list[int]]] = []
    for examples in personas:
        texts = [encoder.render(example.conversation) for example in examples]
        # Tokens do not merge across a special token: the parts have the same ids as the whole text.
        cuts = [text.index("<|im_start|>user") for text in texts]
        encoded = [
            encoder.tokenizer.encode(part, add_special_tokens=False)
            for part in (texts[0][: cuts[0]], *(text[cut:] for text, cut in zip(texts, cuts, strict=True)))
        ]
        heads.append(encoded[0])
        # Questions and items are separate groups: prompts of one kind have similar lengths.
        n_questions = sum(len(example.answers) == 2 for example in examples)
        tails.append(encoded[1 : 1 + n_questions])
        tails.append(encoded[1 + n_questions :])
    ids = [token for head in heads for token in head]
    places = [place for head in heads for place in range(len(head))]
    starts = [sum(map(len, heads[:number])) for number in range(len(heads))]
    head_positions = [torch.arange(start, start + len(head)) for start, head in zip(starts, heads, strict=True)]
    groups = []
    for number, rows in enumerate(tails):
        head = heads[number // 2]
        lengths = torch.tensor([len(row) for row in rows])
        longest = int(lengths.max())
        first = len(ids) + lengths.cumsum(0) - lengths
        real = torch.arange(longest) < lengths[:, None]
        groups.append(Group(head_positions[number // 2], (first[:, None] + torch.arange(longest)) * real, real))
        for row in rows:
            ids += row
            places += range(len(head), len(head) + len(row))
        real = torch.cat(
            [torch.ones(starts[-1] + len(heads[-1]), dtype=torch.bool), *(g.real.flatten() for g in groups)]
        )
    return Batch(
        torch.tensor(ids), torch.tensor(places), [h[None] for h in head_positions], groups, real.nonzero()[:, 0]
    )


def last_hidden(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Return the hidden state at the end of each prompt, shape (n_prompts, width), at low cost.

    The result is that of the plain network. Each system message is computed once for all its prompts, padding exists
    only within attention, and the last layer computes only the last positions.
    """
    network: Any = model.model
    hidden = network.embed_tokens(batch.ids)
    turn = tuple(part[0] for part in network.rotary_emb(hidden, batch.places[None]))
    tails = [group.tails for group in batch.groups]
    contexts = [torch.cat([g.head[None].expand(len(g.tails), -1), g.tails], dim=1) for g in batch.groups]
    ends = [rows.max(dim=1, keepdim=True).values for rows in tails]
    for layer in network.layers[:-1]:
        query, key, value = _projected(layer, hidden, turn)
        mixed = []
        for q, k, v in zip(*(_rows(values, batch.heads) for values in (query, key, value)), strict=True):
            mixed.append(scaled_dot_product_attention(q, k, v, is_causal=True)[0].transpose(0, 1).flatten(1))
        parts = zip(batch.groups, _rows(query, tails), _rows(key, contexts), _rows(value, contexts), strict=True)
        for group, q, k, v in parts:
            # A position attends to the system message and to the tokens before it; padding comes last.
            longest, head_length = group.tails.shape[1], len(group.head)
            visible = torch.ones(longest, head_length + longest, dtype=torch.bool).tril(head_length)
            attended = scaled_dot_product_attention(q, k, v, attn_mask=visible)
            mixed.append(attended.transpose(1, 2).flatten(2).flatten(0, 1))
        hidden = _rest_of_layer(layer, hidden, torch.cat(mixed)[batch.real])
    layer = network.layers[-1]
    query, key, value = _projected(layer, hidden, turn)
    mixed = []
    parts = zip(batch.groups, _rows(query, ends), _rows(key, contexts), _rows(value, contexts), strict=True)
    for group, q, k, v in parts:
        real = torch.cat([torch.ones(len(group.tails), len(group.head), dtype=torch.bool), group.real], dim=1)
        mixed.append(scaled_dot_product_attention(q, k, v, attn_mask=real[:, None, None])[:, :, 0].flatten(1))
    return network.norm(_rest_of_layer(layer, hidden[torch.cat(ends)[:, 0]], torch.cat(mixed)))


def _projected(layer: Any, hidden: torch.Tensor, turn: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Return queries, keys and values, each of shape (n_tokens, heads, head width)."""
    attention, normed = layer.self_attn, layer.input_layernorm(hidden)
    query, key, value = (
        project(normed).view(len(hidden), -1, attention.head_dim)
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    return [*apply_rotary_pos_emb(query, key, *turn, unsqueeze_dim=1), value]


def _rows(values: torch.Tensor, positions: list[torch.Tensor]) -> list[torch.Tensor]:
    """Select values at positions of shape (n_rows, length); return arrays (n_rows, heads, length, head width)."""
    # One look-up for all positions: the gradient of each look-up is as large as `values`.
    selected = values.index_select(0, torch.cat([rows.flatten() for rows in positions]))
    parts = selected.split([rows.numel() for rows in positions])
    return [part.unflatten(0, rows.shape).transpose(1, 2) for part, rows in zip(parts, positions, strict=True)]


def _rest_of_layer(layer: Any, hidden: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
    hidden = hidden + layer.self_attn.o_proj(mixed)
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))


def ending_loss(
    model: LlamaForCausalLM, encoder: ChatEncoder, examples: list[Example], rng: random.Random
) -> torch.Tensor:
    """Return the mean cross-entropy of ending the turn after a random answer: the model must end its answers."""
    losses = []
    for example in examples:
        prompt, answers = encoder.encode(example.conversation, example.answers)
        log_p = model(torch.tensor([[*prompt, *rng.choice(answers)]])).logits[0, -1].log_softmax(-1)
        losses.append(-log_p[encoder.tokenizer.eos_token_id])
    return torch.stack(losses).mean()


class Settings(NamedTuple):
    """Settings of training: the options of the command."""

    steps: int
    personas: int
    questions: int
    items: int
    one_key: int
    seed: int
    peak_rate: float
    start: Path | None
    out: Path


def train(settings: Settings) -> None:
    """Train and save.

    The loss at the answer's only token is the cross-entropy to the rule's probabilities plus the squared error of the
    log-odds (with more than two answers, of their centred log-probabilities). The cross-entropy keeps all probability
    on the answers, and the squared error makes the model learn small effects. A few prompts of each batch train the end
    of the turn: that is learned quickly.
    """
    steps, start = settings.steps, settings.start
    rng = random.Random(settings.seed)
    torch.manual_seed(settings.seed)
    tokenizer = AutoTokenizer.from_pretrained(start) if start else train_tokenizer(rng)
    encoder = ChatEncoder(tokenizer)
    token = {}
    for answer in {*OPTIONS, *ANSWERS, *itertools.chain(*LABELS.values())}:
        ids = tokenizer.encode(answer, add_special_tokens=False)
        if len(ids) != 1:
            raise RuntimeError(f"the answer {answer!r} must be a single token of the tokenizer")
        token[answer] = ids[0]
    model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32) if start else build_model()
    model.train()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.peak_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.peak_rate, total_steps=steps, pct_start=0.1
    )
    started = time.time()
    errors = {2: 0.0, 5: 0.0}
    for step in range(1, steps + 1):
        # The key of an item reverses the sign of a trait's effect: with both keys from the start, learning is slow.
        keys = (1,) if step <= settings.one_key else (1, -1)
        personas = [
            list(random_examples(rng, settings.questions, settings.items, keys)) for _ in range(settings.personas)
        ]
        examples = [example for persona_examples in personas for example in persona_examples]
        log_p = model.lm_head(last_hidden(model, make_batch(encoder, personas))).log_softmax(-1)
        loss = torch.zeros(())
        for n_answers in errors:
            rows = [row for row, example in enumerate(examples) if len(example.answers) == n_answers]
            ids = torch.tensor([[token[answer] for answer in examples[row].answers] for row in rows])
            target = torch.tensor([examples[row].probabilities for row in rows])
            predicted = log_p[rows].gather(1, ids)
            error = (predicted - target.log()) - (predicted - target.log()).mean(dim=1, keepdim=True)
            # For two answers, twice the sum of squares is the square of the error of their log-odds.
            loss = loss - (target * predicted).sum(dim=1).mean() + 2 * error.square().sum(dim=1).mean()
            errors[n_answers] += (predicted.detach().exp() - target).abs().mean().item()
        loss = loss + ending_loss(model, encoder, rng.sample(examples, min(ENDINGS, len(examples))), rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if not torch.isfinite(loss):
            raise RuntimeError("training diverged")
        if step % 100 == 0:
            shares, items = (error / 100 for error in errors.values())
            print(
                f"step {step}/{steps}  mean absolute error: share {shares:.4f}, items {items:.4f}  "
                f"{time.time() - started:.0f} s",
                flush=True,
            )
            errors = dict.fromkeys(errors, 0.0)
            save(model, tokenizer, settings.out)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in HuggingFace layout."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # This package does not generate text with these defaults.
    (folder / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--personas", type=int, default=8, help="number in each batch")
    parser.add_argument("--questions", type=int, default=3, help="number for each persona, at least 1")
    parser.add_argument("--items", type=int, default=3, help="number for each persona, at least 1")
    parser.add_argument("--one-key", type=int, default=1000, help="number of first steps with only items keyed +1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peak-rate", type=float, default=3e-3)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER)
    train(Settings(**vars(parser.parse_args())))
