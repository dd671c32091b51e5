"""Files of a model, in a local folder or from the hub, and their identity."""

import filecmp
import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from . import embedded
from .gguf_model import converted, find_gguf

HUB_TIMEOUT = 10.0
"""Seconds to wait for the hub to name the current revision of a model."""
_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")
# Subfolders and `consolidated` files of some publishers contain the same model in other formats.
_NOT_WANTED = ["*/*", "consolidated*.safetensors"]
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model")


class ModelSource(NamedTuple):
    """The files of a model.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    identity : str
        Hash of the files of a local model; id and revision of a model from the hub.
    """

    folder: Path
    identity: str


def find_model(name: str, *, with_code: bool = False) -> ModelSource:
    """Find the files of a model; download them from the hub if they are not on this machine.

    Parameters
    ----------
    name : str
        `embedded`, a GGUF file, a local folder, or a hub id such as `org/model`.
    with_code : bool
        Whether to include Python code that comes with the model.

    Raises
    ------
    InputError
        When the folder does not exist or has no weights, a GGUF file cannot be read, or the hub does not answer and
        there is no local copy.
    JobError
        When the weights of a GGUF file cannot be written to the cache folder.
    """
    path = embedded.FOLDER if name == "embedded" else Path(name)
    if path.exists() and (file := find_gguf(path, name)):
        return ModelSource(*converted(file, name))
    if path.is_dir():
        folder, identity = path, None
    elif path.exists():
        raise InputError(f"{name}: is not a GGUF file; give one, or the model's folder, or a hub id such as org/model")
    elif name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{name}: there is no such folder")
    else:
        folder = _from_hub(name, [*_FILES, "*.py"] if with_code else list(_FILES))
        identity = f"{name}@{folder.name}"
    _check_folder(folder, name)
    return ModelSource(folder, identity or _hash(folder, with_code))


def is_embedded(folder: Path) -> bool:
    """Return whether a folder contains the weights of the embedded model: copies need its warning too."""
    theirs, ours = (path / "model.safetensors" for path in (folder, embedded.FOLDER))
    return (
        theirs.is_file() and theirs.stat().st_size == ours.stat().st_size and filecmp.cmp(theirs, ours, shallow=False)
    )


def behind_server(name: str) -> str:
    """Return the end of a message that says how a model behind a server is named; hub ids have an owner."""
    return "" if "/" in name else f"; if {name} is a model behind a server, write openai:{name}"


def _from_hub(name: str, files: list[str]) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    # The hub's client retries an unreachable hub for each possible file of a model. One request tells whether the hub
    # can be reached; if it cannot, the local copy is used.
    revision, unreachable = None, "the hub is disabled (HF_HUB_OFFLINE)"
    if not constants.is_offline_mode():
        try:
            revision = HfApi().model_info(name, timeout=HUB_TIMEOUT).sha
        except Exception as error:  # the network, the server and the hub's client raise different exceptions
            unreachable = f"the hub cannot be reached: {_first_line(error)}"
    with _quiet_hub():
        try:
            folder = snapshot_download(
                name,
                revision=revision,
                local_files_only=revision is None,
                allow_patterns=files,
                ignore_patterns=_NOT_WANTED,
            )
        except Exception as error:
            reason = unreachable if revision is None else _first_line(error)
            raise InputError(
                f"{name}: is not a local folder, and no copy from the hub is on this machine ({reason}); give a "
                f"local folder, or a hub id while online{behind_server(name)}"
            ) from error
    return Path(folder)


def _check_folder(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        raise InputError(f"{name}: contains no model (no config.json); give a folder in HuggingFace layout")
    if not list(folder.glob("*.safetensors")):
        raise InputError(
            f"{name}: has neither safetensors weights nor a GGUF file; convert the model first, only these formats are "
            "loaded"
        )


def _hash(folder: Path, with_code: bool) -> str:
    digest = hashlib.sha256()
    suffixes = (*_HASHED, ".py") if with_code else _HASHED
    for file in sorted(file for file in folder.iterdir() if file.suffix in suffixes):
        digest.update(json.dumps([file.name, file.stat().st_size]).encode())
        with file.open("rb") as handle:
            while chunk := handle.read(1 << 20):
                digest.update(chunk)
    return f"sha256:{digest.hexdigest()[:16]}"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Silence the warnings of the hub client, which are reported as errors here; keep its progress bars."""
    from huggingface_hub.utils import logging as hub_logging

    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity)
