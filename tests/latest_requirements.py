"""Print what `make test-latest` installs: all dependencies but torch and what needs it, with the extra `test`.

torch is several GB on most platforms. Tests that need it are left out where it is missing.
"""

import re
import tomllib
from pathlib import Path

HEAVY = {"accelerate", "torch", "transformers", "tokenizers", "safetensors"}

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in (*project["dependencies"], *project["optional-dependencies"]["test"]):
    if re.split(r"[<>=!~;\[ ]", requirement)[0] not in HEAVY:
        print(requirement)
