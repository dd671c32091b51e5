"""The header of a GGUF file: what the file contains, and whether it is complete.

GGUF is the format of llama.cpp and Ollama. A file has a magic number, named values (architecture, tokenizer, chat
template), a table of tensors, and the data of the tensors.
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
"""The first four bytes of every GGUF file, whatever its name is."""

_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_ALIGNMENT = 32
"""Alignment of the data in bytes, where the file names no other."""

_FLOAT32, _FLOAT16, _BFLOAT16 = 0, 1, 30
"""Types of tensors that hold plain numbers; all others are quantised blocks."""


class DamagedFileError(ValueError):
    """The file is not a GGUF file, or not a complete one."""


@dataclass(frozen=True)
class Header:
    """The header of a GGUF file.

    Parameters
    ----------
    values : dict
        The named values that are single numbers or texts; lists are left out.
    tensor_types : frozenset of int
        GGML numbers of the types of the tensors.
    n_weights : int
        Number of weights in all tensors.
    """

    values: dict[str, Any]
    tensor_types: frozenset[int]
    n_weights: int

    @property
    def architecture(self) -> str:
        """Name of the architecture, such as `llama`."""
        return str(self.values.get("general.architecture", "unknown"))

    @property
    def n_parts(self) -> int:
        """Number of files that the model is split into; 1 if it is not split."""
        count = self.values.get("split.count")
        return count if isinstance(count, int) and count > 1 else 1

    @property
    def float_type(self) -> str:
        """Name of the type of the matrices; quantised ones are unpacked to float32."""
        if self.is_quantised or self.tensor_types <= {_FLOAT32}:
            return "float32"
        return "bfloat16" if _BFLOAT16 in self.tensor_types else "float16"

    @property
    def is_quantised(self) -> bool:
        """Whether some weights are quantised."""
        return not self.tensor_types <= {_FLOAT32, _FLOAT16, _BFLOAT16}


def is_gguf(file: Path) -> bool:
    """Return whether a file begins like a GGUF file; the name does not matter."""
    with file.open("rb") as handle:
        return handle.read(len(MAGIC)) == MAGIC


def read_header(file: Path, block_sizes: dict[int, tuple[int, int]] | None = None) -> Header:
    """Read the header of a GGUF file and check that no data is missing.

    Parameters
    ----------
    file : Path
        The file.
    block_sizes : dict, optional
        Number of weights and number of bytes in one block of each type of tensor. Without it, the check cannot notice
        that the end of the last tensor is missing.

    Raises
    ------
    DamagedFileError
        When the file is not a GGUF file, or is cut short.
    """
    if not is_gguf(file):
        raise DamagedFileError("it does not begin like a GGUF file")
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return _Reader(content).header(block_sizes or {})
        except DamagedFileError:
            raise
        except (struct.error, ValueError, RecursionError) as error:
            raise DamagedFileError("its header is cut short or damaged") from error


class _Reader:
    """Reads numbers and texts from the beginning of a file on."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._position = len(MAGIC)

    def header(self, block_sizes: dict[int, tuple[int, int]]) -> Header:
        version = self._number("I")
        if version not in _VERSIONS:
            raise DamagedFileError(f"its GGUF version is {version}; versions 2 and 3 can be read")
        n_tensors, n_values = self._number("Q"), self._number("Q")
        values = {}
        for _ in range(n_values):
            name, value = self._text(), self._value(self._number("I"))
            if value is not None:
                values[name] = value
        types, n_weights, end = set(), 0, 0
        for _ in range(n_tensors):
            self._text()
            size = math.prod(self._number("Q") for _ in range(self._number("I")))
            kind, offset = self._number("I"), self._number("Q")
            block, n_bytes = block_sizes.get(kind, (1, 0))
            types.add(kind)
            n_weights += size
            end = max(end, offset + size // block * n_bytes)
        alignment = values.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise DamagedFileError("its header is cut short or damaged")
        start = math.ceil(self._position / alignment) * alignment
        if start + end > len(self._content):
            raise DamagedFileError(f"it has {len(self._content)} of at least {start + end} bytes")
        return Header(values, frozenset(types), n_weights)

    def _number(self, code: str) -> Any:
        (number,) = struct.unpack_from(f"<{code}", self._content, self._position)
        self._position += struct.calcsize(f"<{code}")
        return number

    def _skip(self, n_bytes: int) -> int:
        """Step over bytes, and return where they begin."""
        start = self._position
        if start + n_bytes > len(self._content):
            raise DamagedFileError("its header is cut short or damaged")
        self._position += n_bytes
        return start

    def _text(self) -> str:
        n_bytes = self._number("Q")
        start = self._skip(n_bytes)
        return self._content[start : start + n_bytes].decode()

    def _value(self, kind: int) -> Any:
        """Return a value, or None for a list, which is stepped over."""
        if kind in _NUMBERS:
            return self._number(_NUMBERS[kind])
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            raise DamagedFileError("its header is cut short or damaged")
        kind, count = self._number("I"), self._number("Q")
        if kind in _NUMBERS:
            self._skip(count * struct.calcsize(f"<{_NUMBERS[kind]}"))
        else:
            for _ in range(count):
                if kind == _STRING:
                    self._skip(self._number("Q"))
                else:
                    self._value(kind)
        return None
