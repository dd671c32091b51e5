"""Models in GGUF files: find the file, and convert it once to a folder with safetensors weights.

The folder lies in the cache folder and is named after the hash of the file, so that a later start only loads it.
"""

import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from importlib.metadata import version
from pathlib import Path
from typing import Any

import filelock

from ..errors import InputError, JobError
from .answer_store import store_folder
from .gguf_header import DamagedFileError, Header, is_gguf, read_header

_FOLDER = "gguf-v1"
"""Folder of the converted models in the cache folder; the number changes when the conversion changes."""
_CONTENTS = "conversion.json"
"""Names the other files of a converted model with their sizes; written last."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_BLOB = "sha256-*"
"""Names of the files of Ollama."""
_REMEDY = "download it again, or give another file"


def find_gguf(path: Path, name: str) -> Path | None:
    """Return the GGUF file that a path names, or None if the path has nothing to do with GGUF.

    Parameters
    ----------
    path : Path
        A file, or a folder. A folder with safetensors weights is not searched.
    name : str
        The model as the user wrote it, for error messages.

    Raises
    ------
    InputError
        When a folder contains several GGUF files, or the model is split into several files.
    """
    if path.is_file():
        if not is_gguf(path) and path.suffix.lower() != ".gguf":
            return None
        files = [path]
    else:
        if any(path.glob("*.safetensors")):
            return None
        candidates = {*path.glob("*.[gG][gG][uU][fF]"), *path.glob(_BLOB)}
        files = sorted(file for file in candidates if file.is_file() and is_gguf(file))
    if not files:
        return None
    parts = [file for file in files if _PART.search(file.name)]
    if parts and len(parts) == len(files):
        raise _split(name, parts[0].name)
    if len(files) > 1:
        names = ", ".join(file.name for file in files[:8]) + (" …" if len(files) > 8 else "")
        raise InputError(f"{name}: contains {len(files)} GGUF files: {names}; name one of them")
    return files[0]


def converted(file: Path, name: str) -> tuple[Path, str]:
    """Return the folder of a converted GGUF file, and the hash of the file; convert it if that was not done before.

    Parameters
    ----------
    file : Path
        The GGUF file.
    name : str
        The model as the user wrote it, for error messages.

    Raises
    ------
    InputError
        When the file is damaged, has an architecture that transformers cannot read, or a package is missing.
    JobError
        When the converted weights cannot be written.
    """
    sizes = _block_sizes(name)
    try:
        header = read_header(file, sizes)
    except DamagedFileError as error:
        raise InputError(f"{name}: is not a complete GGUF file ({error}); {_REMEDY}") from error
    if header.n_parts > 1:
        raise _split(name, file.name)
    identity = _hash(file)
    folder = store_folder() / _FOLDER / f"{identity}-transformers-{version('transformers')}"
    if not _is_complete(folder):
        with _written(name, folder):
            _convert_once(file, name, header, folder)
    return folder, f"sha256:{identity}"


def _split(name: str, part: str) -> InputError:
    return InputError(
        f"{name}: the model is split into several files ({part} …); join them first, with "
        "`llama-gguf-split --merge FIRST-PART.gguf WHOLE.gguf` of llama.cpp, and name the whole file"
    )


def _block_sizes(name: str) -> dict[int, tuple[int, int]]:
    try:
        import accelerate  # noqa: F401 (transformers needs it to load GGUF files)
        from gguf.constants import GGML_QUANT_SIZES
    except ImportError as error:
        raise InputError(
            f"{name}: is a GGUF file, which needs two more packages: pip install 'tworate[gguf]'"
        ) from error
    return {int(kind): sizes for kind, sizes in GGML_QUANT_SIZES.items()}


def _hash(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def _is_complete(folder: Path) -> bool:
    """Return whether a folder contains everything that was written into it."""
    try:
        sizes: dict[str, int] = json.loads((folder / _CONTENTS).read_text())
        return all((folder / file).stat().st_size == size for file, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _convert_once(file: Path, name: str, header: Header, folder: Path) -> None:
    """Convert a file into a folder. Another process that converts the same file is waited for."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(f"{folder.name}.lock")):
        if _is_complete(folder):
            return
        needed, free = 4 * header.n_weights, shutil.disk_usage(folder.parent).free
        if needed > free:
            raise OSError(f"{needed / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are free")
        # A folder with the final name is always complete: an interruption leaves only a temporary one.
        for abandoned in folder.parent.glob(f"{folder.name}.partial-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.partial-", dir=folder.parent) as partial:
            whole = Path(partial) / "model"
            with _quiet():
                _convert(file, name, header, whole)
            shutil.rmtree(folder, ignore_errors=True)
            whole.rename(folder)


def _convert(file: Path, name: str, header: Header, folder: Path) -> None:
    """Write the model and the tokenizer of a GGUF file to a folder in HuggingFace format."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # With a bare name, transformers would prefer a file of this name in the current folder.
    file = file.absolute()
    source: dict[str, Any] = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": str(file)}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**source)
        dtype = getattr(torch, header.float_type)
        model = AutoModelForCausalLM.from_pretrained(**source, dtype=dtype, quantization_config=_unpacking())
    except Exception as error:  # readers of models and tokenizers raise different exceptions
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{name}: transformers cannot read this GGUF file of the architecture {header.architecture} ({text}); use "
            "the safetensors folder of the same model, or serve the file with llama.cpp or Ollama"
        ) from error
    # transformers saves no model that it considers quantised; this one is unpacked.
    model.hf_quantizer = None
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if header.is_quantised:
        # On an accelerator the default is the type that the configuration names. bfloat16 is finer than the file.
        configuration = folder / "config.json"
        settings = json.loads(configuration.read_text())
        configuration.write_text(json.dumps(settings | {"dtype": "bfloat16"}, indent=2))
    sizes = {written.name: written.stat().st_size for written in folder.iterdir()}
    (folder / _CONTENTS).write_text(json.dumps(sizes))


def _unpacking() -> Any:
    """Ask transformers to unpack the weights; its first versions always do."""
    try:
        from transformers import GgufConfig
    except ImportError:
        return None
    return GgufConfig(dequantize=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Show the progress bars of transformers on a terminal only, and none of its advice."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with redirect_stderr(sys.stderr if sys.stderr.isatty() else io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def _written(name: str, folder: Path) -> Iterator[None]:
    """Turn failures of writing into one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise JobError(
            f"{name}: the converted weights cannot be written to {folder.parent}{os.sep} ({reason}); free space there, "
            "or name another folder with TWORATE_CACHE"
        ) from error
