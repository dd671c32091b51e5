"""From a conversation to token ids, through a tokenizer's own chat template.

Text that came from users or events must not be able to open or close a turn. When a message holds the text of one of
the tokenizer's special tokens, the message is encoded apart, with that text as plain characters.
"""

import itertools
import re
from typing import Any

from .prompts import Conversation

BASE_MODEL_ANSWER = "\n\nAnswer:"


class ChatEncoder:
    """Encodes conversations for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer; without a chat template (a base model) conversations become plain text.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        special = set(tokenizer.all_special_tokens)
        special.update(str(token) for token in getattr(tokenizer, "added_tokens_decoder", {}).values())
        self._special = (
            re.compile("|".join(re.escape(token) for token in sorted(special, key=len, reverse=True)))
            if special
            else None
        )

    def encode_prompt(self, conversation: Conversation) -> list[int]:
        """Token ids of a conversation up to where the answer begins."""
        if self._special is None or not any(self._special.search(m["content"]) for m in conversation):
            return self._encode(self._render(conversation))
        return self._encode_guarded(conversation)

    def encode_option(self, option: str) -> list[int]:
        """Token ids of an answer; after plain text it starts with a space."""
        text = option if self.has_template else f" {option}"
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _render(self, conversation: Conversation) -> str:
        if not self.has_template:
            return "\n\n".join(message["content"] for message in conversation) + BASE_MODEL_ANSWER
        text: str = self.tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        return text

    def _encode(self, text: str, *, start: bool = True, split_special: bool = False) -> list[int]:
        # A chat template writes its own beginning-of-sequence token; adding a second one would shift the model.
        ids: list[int] = self.tokenizer.encode(
            text, add_special_tokens=start and not self.has_template, split_special_tokens=split_special
        )
        return ids

    def _encode_guarded(self, conversation: Conversation) -> list[int]:
        # Placeholders of letters and digits pass through any template unchanged and hold no special token.
        taken = "".join(message["content"] for message in conversation)
        fresh = (f"content{i}placeholder" for i in itertools.count())
        marks = list(itertools.islice((mark for mark in fresh if mark not in taken), len(conversation)))
        contents = {mark: message["content"] for mark, message in zip(marks, conversation, strict=True)}
        rendered = self._render(
            [{**message, "content": mark} for mark, message in zip(marks, conversation, strict=True)]
        )
        ids: list[int] = []
        for i, piece in enumerate(re.split("(" + "|".join(marks) + ")", rendered)):
            if piece:
                ids += self._encode(contents.get(piece, piece), start=i == 0, split_special=piece in contents)
        return ids
