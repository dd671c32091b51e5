"""Load a language model by its name: the embedded model, a GGUF file, a folder, a hub id, or a server."""

from typing import Any

from ..errors import InputError
from .base_url import OPENAI_PREFIX
from .language_model import LanguageModel


def load_language_model(name: str = "embedded", **options: Any) -> LanguageModel:
    """Load a language model.

    Parameters
    ----------
    name : str
        `embedded`, a GGUF file or a folder with one, a local folder in HuggingFace layout, a hub id such as
        `org/model`, or `openai:NAME` for a model on an OpenAI-compatible server.
    **options
        Passed to :class:`tworate.agents.huggingface.HuggingFaceModel` or
        :class:`tworate.agents.openai_compatible.OpenAICompatibleModel`.

    Raises
    ------
    InputError
        When the folder contains no model, the hub id cannot be loaded, or the server refuses the model or the key.
    JobError
        When the server cannot be reached.
    """
    if name.startswith(OPENAI_PREFIX):
        try:
            from .openai_compatible import OpenAICompatibleModel
        except ModuleNotFoundError as error:
            if error.name != "openai":
                raise
            raise InputError(f"{name}: needs the openai client: pip install 'tworate[openai]'") from error
        return OpenAICompatibleModel(name.removeprefix(OPENAI_PREFIX), **options)
    from .huggingface import HuggingFaceModel  # imports torch and transformers

    return HuggingFaceModel(name, **options)
