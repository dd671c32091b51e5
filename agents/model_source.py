"""Where a model's files are: a local folder, or the hub's copy of them; and what identifies them."""

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

HUB_TIMEOUT = 10.0
"""Seconds that the hub may take to say which revision of a model is current."""
_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model")
# Subfolders and the original weights of some publishers hold the same model in other formats.
_NOT_WANTED = ["*/*", "consolidated*.safetensors"]
_HASHED = (".safetensors", ".json", ".jinja", ".txt", ".model")


class ModelSource(NamedTuple):
    """A model's files.

    Parameters
    ----------
    folder : Path
        Where they are.
    identity : str
        Hash of a local model's files; for one from the hub, its id and revision.
    """

    folder: Path
    identity: str


def find_model(name: str, *, with_code: bool = False) -> ModelSource:
    """Find a model's files, fetching them from the hub where they are not on this machine.

    Parameters
    ----------
    name : str
        `embedded`, a local folder, or a hub id such as `org/model`.
    with_code : bool
        Whether the model's own code is wanted too.

    Raises
    ------
    InputError
        When there is no such folder, it has no safetensors weights, or the hub neither answers nor has left a copy.
    """
    path = embedded.FOLDER if name == "embedded" else Path(name)
    if path.is_dir():
        folder, identity = path, None
    elif path.exists():
        raise InputError(f"{name}: is a file; give the model's folder or a hub id such as org/model")
    elif name.count("/") > 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{name}: there is no such folder")
    else:
        folder = _from_hub(name, [*_FILES, "*.py"] if with_code else list(_FILES))
        identity = f"{name}@{folder.name}"
    _check_folder(folder, name)
    return ModelSource(folder, identity or _hash(folder, with_code))


def is_embedded(folder: Path) -> bool:
    """Whether a folder holds the embedded model's weights, wherever it lies: its warning goes with it."""
    theirs, ours = (path / "model.safetensors" for path in (folder, embedded.FOLDER))
    return (
        theirs.is_file() and theirs.stat().st_size == ours.stat().st_size and filecmp.cmp(theirs, ours, shallow=False)
    )


def _from_hub(name: str, files: list[str]) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download

    # The hub's client asks an unreachable hub again and again, for each file that a model may have. One question, asked
    # once, says whether there is a way to it; where there is none, the copy on this machine must do.
    revision, unreachable = None, "the hub is off limits (HF_HUB_OFFLINE)"
    if not constants.is_offline_mode():
        try:
            revision = HfApi().model_info(name, timeout=HUB_TIMEOUT).sha
        except Exception as error:  # the network, the server and the hub's client each raise their own kinds
            unreachable = f"the hub cannot be asked: {_first_line(error)}"
    with _quiet_hub():
        try:
            found = snapshot_download(
                name,
                revision=revision,
                local_files_only=revision is None,
                allow_patterns=files,
                ignore_patterns=_NOT_WANTED,
            )
        except Exception as error:
            reason = unreachable if revision is None else _first_line(error)
            raise InputError(
                f"{name}: is no local folder, and is not on this machine from the hub ({reason}); give a local folder, "
                "or a hub id while online"
            ) from error
    return Path(found)


def _check_folder(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        raise InputError(f"{name}: holds no model (no config.json); give a folder in HuggingFace layout")
    if not list(folder.glob("*.safetensors")):
        raise InputError(f"{name}: has no safetensors weights; only that format is loaded, convert the model first")


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
    """Silence the hub client's warnings, which come back as our own errors; its progress bars stay."""
    from huggingface_hub.utils import logging as hub_logging

    verbosity = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        hub_logging.set_verbosity(verbosity)
