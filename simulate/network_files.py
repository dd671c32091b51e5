"""One reader of network files: edge lists, GraphML, GEXF, GML, Pajek, Matrix Market, each also packed by gzip."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import InputError, nearest
from .content import read_content, refuse_archive, text_of
from .edge_headers import OURS
from .edge_lists import read_edge_list, read_edge_parquet, read_matrix_market
from .edge_table import EdgeTable, unreadable
from .graph_texts import read_gml, read_pajek
from .xml_graphs import read_xml_graph

_XML, _PAJEK, _GML = (".graphml", ".gexf", ".xml"), (".net", ".paj", ".pajek"), (".gml",)
_YES_OR_NO = ("header", "directed")
_TRUTH = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class NetworkFile:
    """A network file, and what is said of its columns.

    Parameters
    ----------
    path : Path
        The file.
    columns : mapping of str to str
        Our name of a column (`source`, `target`, `weight`, `network`) to the file's name, or its number from 1 where
        the file has no header.
    header : bool, optional
        Whether the first row names the columns; by default it is found out, and said.
    directed : bool, optional
        Whether edges lead from source to target only; by default as the format says, and in an edge list they do.
    """

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    header: bool | None = None
    directed: bool | None = None


def parse_network_file(text: str | Path) -> NetworkFile | None:
    """Read the name of a file, such as `follows.csv` or `follows.csv:source=followed,target=follower,header=yes`.

    Returns
    -------
    NetworkFile or None
        None if there is no such file.

    Raises
    ------
    InputError
        When there is such a file, and what is said of its columns cannot be understood.
    """
    if Path(text).is_file():
        return NetworkFile(Path(text))
    name, colon, settings = str(text).rpartition(":")
    if not colon or not Path(name).is_file():
        return None
    columns, said = dict[str, str](), dict[str, bool]()
    for part in settings.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value or key not in (*OURS, *_YES_OR_NO):
            raise InputError(
                f"network {str(text)!r}: {part!r} is not one of source=, target=, weight=, network= (a column of the "
                f"file), header=yes|no or directed=yes|no{nearest(key, OURS, '')}"
            )
        if key in OURS:
            columns[key] = value
        elif value.lower() in _TRUTH:
            said[key] = _TRUTH[value.lower()]
        else:
            raise InputError(f"network {str(text)!r}: {key} = {value} must be yes or no")
    return NetworkFile(Path(name), columns, said.get("header"), said.get("directed"))


def read_edges(path: str | Path, *, columns: Mapping[str, str] | None = None, header: bool | None = None) -> EdgeTable:
    """Read the edges of a network file.

    The format follows from the ending, without `.gz`: `.graphml`, `.gexf`, `.gml`, `.net` or `.paj` (Pajek), `.mtx`
    (Matrix Market), `.parquet`; all others are edge lists, unless they begin as XML or Pajek do.

    Parameters
    ----------
    path : path
        The file; it may be packed by gzip. Text is UTF-8 or UTF-16; what is neither is taken for Latin-1.
    columns : mapping of str to str, optional
        Columns of an edge list: our name (`source`, `target`, `weight`, `network`) to the file's, or to the number
        of the column from 1.
    header : bool, optional
        Whether the first row of an edge list names the columns; by default it is found out.

    Raises
    ------
    InputError
        When the file cannot be read; names the line, what was wrong and what to do.
    """
    path, place = Path(path), str(path)
    names = [part.lower() for part in path.suffixes if part.lower() not in (".gz", ".gzip")]
    suffix = names[-1] if names else ""
    if suffix == ".parquet":
        if header is False:
            raise InputError(f"{place}: the columns of a Parquet file have names; leave header out")
        return read_edge_parquet(path, columns or {})
    content = read_content(path)
    refuse_archive(content, place, "a network")
    notes: list[str] = []
    if suffix in _XML or content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        table = read_xml_graph(content, place)
        is_list = False
    else:
        text, notes = text_of(content, place)
        if not text:
            raise unreadable(place, "it is empty; write one edge on each line, as two names")
        table, is_list = _read_text(text, suffix, place, columns or {}, header)
    if not is_list and (columns or header is not None):
        raise InputError(f"{place}: columns and header are for edge lists; leave them out")
    return replace(table, notes=(*notes, *table.notes))


def _read_text(
    text: str, suffix: str, place: str, columns: Mapping[str, str], header: bool | None
) -> tuple[EdgeTable, bool]:
    """Return the table, and whether the text is an edge list."""
    begin = text[:200].lstrip().lower()
    if begin.startswith("<"):
        return read_xml_graph(text.encode(), place, "utf-8"), False
    if begin.startswith("%%matrixmarket"):
        return read_matrix_market(text, place), False
    if suffix in _PAJEK or begin.startswith(("*vertices", "*network")):
        return read_pajek(text, place), False
    if suffix in _GML:
        return read_gml(text, place), False
    return read_edge_list(text, place, columns, header), True
