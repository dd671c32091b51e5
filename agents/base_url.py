"""Where a server's interface begins: what can be asked, in one spelling and without secrets."""

from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import InputError

OPENAI_PREFIX = "openai:"
"""Prefix of the name of a model behind an OpenAI-compatible server."""
EXAMPLE_URL = "http://localhost:8000/v1"
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """What is to be known of a base URL.

    Parameters
    ----------
    url : str
        Scheme, host, port and path, in one spelling and without secrets.
    host : str
        Host and port; without the port where it is the scheme's own.
    password : str
        The password in the URL, which is never to be shown; empty where there is none.
    """

    url: str
    host: str
    password: str


def read_address(url: str) -> Address:
    """Read a base URL.

    Raises
    ------
    InputError
        When it is none, or one that the client cannot use.
    """
    # Parsers drop some of these in silence, where the client fails at them.
    if " " in url or not url.isprintable():
        raise InputError(f"the base URL holds a space or a control character; write it as in {EXAMPLE_URL}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in _PORTS:
        raise InputError(f"the base URL is none; write it as in {EXAMPLE_URL}")
    if "?" in url or "#" in url:
        # The client would write the path of its requests behind it.
        raise InputError(f"the base URL has a query or a fragment, which cannot be used; write it as in {EXAMPLE_URL}")
    if ":" in host:
        host = f"[{host}]"
    if port not in (None, _PORTS[parts.scheme]):
        host = f"{host}:{port}"
    return Address(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", host, parts.password or "")
