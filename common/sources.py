"""Digests of our own sources: results and machine code that other sources gave are not taken for today's."""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def source_digest(*folders: str) -> str:
    """Hash the Python sources of folders of the package, once a process.

    Files that change while the process runs are not what it has imported.

    Parameters
    ----------
    *folders : str
        Folders relative to the package, such as `models` or `inference/likelihood`; their sub-folders are included.

    Examples
    --------
    >>> len(source_digest("models"))
    64
    """
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
