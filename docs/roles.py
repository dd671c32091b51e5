"""A hook of the site: roles in docstrings, such as `:class:`, are shown without the role."""

import re
from typing import Any


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without the names of roles."""
    return re.sub(r":(?:class|func|meth|mod|attr|data):<code>~?", "<code>", html)
