"""Train the embedded model: a small Llama that answers prompts by the documented synthetic rule.

Run from anywhere with `python -m tworate.agents.embedded.train`; about 20 minutes on two cores. It writes the
tokenizer, the configuration and the weights into this folder. Events, places and actors are random, so that the model
must read the fields that the rule names and ignore the rest.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tworate.agents.chat import ChatEncoder
from tworate.agents.embedded import FOLDER
from tworate.agents.embedded.rule import share_probability
from tworate.agents.events import EVENT_TYPES, Event
from tworate.agents.personas import Persona, all_personas
from tworate.agents.prompts import OPTIONS, Question, default_templates

VOCABULARY = 1000
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_WORDS = """
the a of in on at near after before by from with and to during over between against several many two three hundred
people men women children soldiers police fighters militia rebels army government residents farmers workers students
teachers crowd group forces troops drone strike shelling attack clash clashes market road village town city district
bridge school hospital church mosque station border camp river hill port harbour office parliament convoy checkpoint
killed injured wounded arrested attacked shot burned destroyed marched protested demanded blocked seized retook
withdrew agreed signed said reported claimed denied opened fire threw stones looted houses vehicles grain cattle
morning night dawn evening days hours week month about least unknown armed local military peaceful violent heavy
talks wages prices water power election aid food land tax levy funeral ceasefire prisoners exchange patrol mine
""".split()
_SYLLABLES = (
    "ba do ka mi ro ne sa lu ti vo har den mel kor tan ris pal gor sun eth wen dra fal os ul im yar bel qua zin"
)
_ACTORS = (
    "Military Forces of {}",
    "{} Liberation Front",
    "Police Forces of {}",
    "Protesters ({})",
    "Rioters ({})",
    "Civilians ({})",
    "{} Militia",
    "Unidentified Armed Group ({})",
    "Government of {}",
    "Sons of {}",
)
_SUBTYPES = (
    "Armed clash",
    "Attack",
    "Peaceful protest",
    "Mob violence",
    "Agreement",
    "Air/drone strike",
    "Arrests",
    "Shelling/artillery/missile attack",
    "Violent demonstration",
    "Looting/property destruction",
    "",
)
_MONTHS = "January February March April May June July August September October November December".split()


def random_event(rng: random.Random) -> Event:
    """Return an event whose text tells nothing of its type and fatalities beyond their own fields."""

    def name() -> str:
        return "".join(rng.choices(_SYLLABLES, k=rng.randint(2, 3))).capitalize()

    def sentence() -> str:
        words = rng.choices(_WORDS, k=rng.randint(4, 12))
        for _ in range(rng.randint(0, 2)):
            words.insert(rng.randrange(len(words)), rng.choice([name(), str(rng.randint(0, 3000))]))
        return " ".join(words).capitalize() + "."

    def maybe(text: str) -> str:
        return text if rng.random() < 0.85 else ""

    country = name()
    date = rng.choice(
        [
            f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {rng.randint(1997, 2030)}",
            f"{rng.randint(1997, 2030)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        ]
    )
    # Orders of magnitude in equal shares, so that each is learned as well as the next.
    fatalities = rng.choice([0, rng.randint(1, 9), rng.randint(10, 99), rng.randint(100, 2000)])
    return Event(
        event_id_cnty="X",
        event_type=rng.choice(EVENT_TYPES),
        notes=" ".join(sentence() for _ in range(rng.randint(1, 3))),
        fatalities=fatalities,
        event_date=maybe(date),
        sub_event_type=maybe(rng.choice(_SUBTYPES)),
        actor1=maybe(rng.choice(_ACTORS).format(name())),
        actor2=maybe(rng.choice(_ACTORS).format(name())),
        location=maybe(name()),
        country=maybe(country),
    )


def random_question(rng: random.Random, personas: list[Persona]) -> Question:
    """Return a random persona, event and sighting."""
    sighting = rng.randint(1, 8)
    return Question(rng.choice(personas), random_event(rng), sighting, is_last=sighting > 1 and rng.random() < 0.3)


def random_options(rng: random.Random) -> tuple[str, str]:
    """Return the two options in random order."""
    first, second = OPTIONS
    return (first, second) if rng.random() < 0.5 else (second, first)


def train_tokenizer(rng: random.Random) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on prompts and answers; digits stay apart, so that numbers can be read."""
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
        templates, personas = default_templates(), all_personas()
        for _ in range(4000):
            options = random_options(rng)
            yield from (m["content"] for m in templates.conversation(random_question(rng, personas), options))
            yield from options

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


def train(steps: int, batch_size: int, seed: int) -> None:
    """Train and save.

    The loss at the answer's only token is the cross-entropy to the rule's probability plus the squared error of the
    log-odds: the former keeps all mass on the options, the latter makes small effects worth learning.
    """
    rng = random.Random(seed)
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(rng)
    encoder = ChatEncoder(tokenizer)
    share, ignore = (tokenizer.encode(option, add_special_tokens=False) for option in OPTIONS)
    if len(share) != 1 or len(ignore) != 1:
        raise RuntimeError("the options must be single tokens of the trained tokenizer")
    model = build_model()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps, pct_start=0.1)
    templates, personas = default_templates(), all_personas()
    started = time.time()
    error = 0.0
    for step in range(steps):
        questions = [random_question(rng, personas) for _ in range(batch_size)]
        texts = [encoder.render(templates.conversation(q, random_options(rng))) for q in questions]
        prompts = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
        target = torch.tensor([share_probability(q.persona, q.event, q.sighting) for q in questions])
        longest = max(map(len, prompts))
        ids = torch.tensor([prompt + [0] * (longest - len(prompt)) for prompt in prompts])
        last = torch.tensor([len(prompt) - 1 for prompt in prompts])
        # Padding on the right of a causal model needs no mask, and only the last position of a row is read.
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        log_p = model.lm_head(hidden[torch.arange(len(prompts)), last]).log_softmax(-1)
        log_odds = log_p[:, share[0]] - log_p[:, ignore[0]]
        cross_entropy = -(target * log_p[:, share[0]] + (1 - target) * log_p[:, ignore[0]]).mean()
        loss = cross_entropy + (log_odds - target.logit()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        error += (log_odds.detach().sigmoid() - target).abs().mean().item()
        if (step + 1) % 100 == 0:
            print(
                f"step {step + 1}/{steps}  mean absolute error {error / 100:.4f}  {time.time() - started:.0f} s",
                flush=True,
            )
            error = 0.0
        if not math.isfinite(loss.item()):
            raise RuntimeError("training diverged")
    save(model, tokenizer, FOLDER)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in HuggingFace layout."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # Nothing here generates text, and the defaults would only be noise.
    (folder / "generation_config.json").unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.steps, arguments.batch_size, arguments.seed)
