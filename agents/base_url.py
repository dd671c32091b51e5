"""Base URLs of servers: read and normalise them, without secrets."""

from typing import NamedTuple
from urllib.parse import urlsplit

from ..errors import InputError

OPENAI_PREFIX = "openai:"
"""Prefix of model names for OpenAI-compatible servers."""
EXAMPLE_URL = "http://localhost:8000/v1"
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """The parts of a base URL.

    Parameters
    ----------
    url : str
        Scheme, host, port and path, normalised and without secrets.
    host : str
        Host and port; the default port of the scheme is left out.
    password : str
        The password in the URL, or an empty string. It must never be shown.
    """

    url: str
    host: str
    password: str


def read_address(url: str) -> Address:
    """Read a base URL.

    Raises
    ------
    InputError
        When the text is not a URL, or the client cannot use it.
    """
    # Parsers drop some of these characters without an error, but the client fails on them.
    if " " in url or not url.isprintable():
        raise InputError(f"the base URL contains a space or a control character; write it as in {EXAMPLE_URL}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in _PORTS:
        raise InputError(
            f"the base URL is not a URL that starts with http:// or https://; write it as in {EXAMPLE_URL}"
        )
    if "?" in url or "#" in url:
        # The client would append the path of its requests after it.
        raise InputError(f"the base URL has a query or a fragment, which cannot be used; write it as in {EXAMPLE_URL}")
    if ":" in host:
        host = f"[{host}]"
    if port not in (None, _PORTS[parts.scheme]):
        host = f"{host}:{port}"
    return Address(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", host, parts.password or "")
