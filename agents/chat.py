"""From a conversation to token ids, through a tokenizer's own chat template.

Text that came from users or events must not be able to open or close a turn: wherever a message spells one of the
tokenizer's added tokens (`<|im_end|>`, `</s>` and the like), a space is put after the first character, so that it is
read as plain text. A template that marks its turns with ordinary words cannot be protected in this way.
"""

import re
from typing import Any

import jinja2

from ..errors import InputError
from .prompts import Conversation

BASE_MODEL_ANSWER = "\n\nAnswer:"


class ChatEncoder:
    """Encodes conversations for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer; without a chat template (a base model) conversations become plain text, and where the template
        has no place for a system message its text begins the user's.

    Raises
    ------
    InputError
        When the chat template can render neither form.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        self.has_system_role = self.has_template and self._takes_system_role()
        # One character cannot be broken up; such a token opens no turn.
        added = {str(token) for token in tokenizer.added_tokens_decoder.values()} | set(tokenizer.all_special_tokens)
        spelled = sorted((token for token in added if len(token) > 1), key=len, reverse=True)
        self._tokens = re.compile("|".join(map(re.escape, spelled))) if spelled else None

    def encode(self, conversation: Conversation, answer: str) -> tuple[list[int], list[int]]:
        """Token ids of a conversation up to where the answer begins, and of the answer.

        Both are encoded as one text, so that the answer has the tokens that the model itself would write there.
        """
        prompt = self.render(conversation)
        # After plain text an answer starts with a space.
        whole = self._encode(prompt + (answer if self.has_template else f" {answer}"))
        ids = self._encode(prompt)
        if whole[: len(ids)] != ids:
            # The last tokens of the prompt merged with the answer: the answer is what differs.
            same = next(i for i, (a, b) in enumerate(zip(ids, whole, strict=False)) if a != b)
            ids = whole[:same]
        return ids, whole[len(ids) :]

    def render(self, conversation: Conversation) -> str:
        """The text that the model is given."""
        messages = [{**message, "content": self._harmless(message["content"])} for message in conversation]
        if not self.has_template:
            return "\n\n".join(message["content"] for message in messages) + BASE_MODEL_ANSWER
        return self._apply(messages if self.has_system_role else _fold_system(messages))

    def _harmless(self, text: str) -> str:
        while self._tokens and self._tokens.search(text):
            text = self._tokens.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)
        return text

    def _takes_system_role(self) -> bool:
        probe = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
        try:
            self._apply(probe)
        except jinja2.TemplateError:
            pass
        else:
            return True
        try:
            self._apply(_fold_system(probe))
        except jinja2.TemplateError as error:
            raise InputError(f"the tokenizer's chat template renders no user message ({error})") from error
        return False

    def _apply(self, messages: Conversation) -> str:
        text: str = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _encode(self, text: str) -> list[int]:
        # A chat template writes its own beginning-of-sequence token; adding a second one would shift the model.
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=not self.has_template)
        return ids


def _fold_system(messages: Conversation) -> Conversation:
    system, user, *rest = messages
    return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]
