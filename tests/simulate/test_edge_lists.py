"""Edge lists: separators, headers, comments, quotes, weights, encodings, and what is refused."""

import gzip

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import io as scipy_io
from scipy import sparse

from tworate.errors import InputError
from tworate.simulate import read_network
from tworate.simulate.contacts import read_contacts
from tworate.simulate.network_files import parse_network_file, read_edges


def edges_of(table):
    labels = table.labels.to_numpy()
    return list(zip(labels[table.source].tolist(), labels[table.target].tolist(), strict=True))


def read(tmp_path, text, name="edges.csv", **options):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_edges(tmp_path / name, **options)


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("ann,bob\nbob,cid\n", [("ann", "bob"), ("bob", "cid")]),
        ("ann;bob\nbob;cid\n", [("ann", "bob"), ("bob", "cid")]),
        ("ann\tbob\nbob\tcid\n", [("ann", "bob"), ("bob", "cid")]),
        ("ann|bob\nbob|cid\n", [("ann", "bob"), ("bob", "cid")]),
        ("ann  bob\n  bob cid  \n", [("ann", "bob"), ("bob", "cid")]),
        ("ann, bob\nbob cid\n", [("ann", "bob"), ("bob", "cid")]),
        ("Ann Lee,Bob Ray\nBob Ray , Cy Poe\n", [("Ann Lee", "Bob Ray"), ("Bob Ray", "Cy Poe")]),
        ('"Lee, Ann","Ray; Bob"\n"Ray; Bob",cid\n', [("Lee, Ann", "Ray; Bob"), ("Ray; Bob", "cid")]),
        ('"Ann Lee" bob\nbob "Cy Poe"\n', [("Ann Lee", "bob"), ("bob", "Cy Poe")]),
        ("Ann Lee\tBob, Jr\nBob, Jr\tcid\n", [("Ann Lee", "Bob, Jr"), ("Bob, Jr", "cid")]),
        ("O'Neil,5\" disk\nNA,null\n", [("O'Neil", '5" disk'), ("NA", "null")]),
        ("007,7\n7,8\n", [("007", "7"), ("7", "8")]),
        ("1e3,1000\n1.0,1\n", [("1e3", "1000"), ("1.0", "1")]),
    ],
)
def test_names_are_as_they_are_written(tmp_path, text, edges):
    table = read(tmp_path, text)
    assert edges_of(table) == edges
    assert table.notes == ()


@pytest.mark.parametrize("mark", ["#", "%", "//", ";", "  #"])
def test_comments_are_skipped_anywhere(tmp_path, mark):
    text = f"{mark} friends, of old\n1 2\n\n{mark} more of them\n2 3\n"
    assert edges_of(read(tmp_path, text, "edges.txt")) == [("1", "2"), ("2", "3")]


def test_a_semicolon_that_separates_is_no_comment(tmp_path):
    table = read(tmp_path, "ann;bob\n;cid\nbob;cid\n")
    assert edges_of(table) == [("ann", "bob"), ("bob", "cid")]
    assert "taken for agents without that edge: 1 (the first is line 2)" in table.notes[0]


@pytest.mark.parametrize(
    ("header", "rows", "source", "target"),
    [
        ("source,target", "a1,b1\nb1,c1", "a1", "b1"),
        ("FromNodeId\tToNodeId", "4\t5\n5\t6", "4", "5"),
        ("gluon;quark", "4;5\n5;6", "4", "5"),
        ("follower,followed", "u4,u5\nu5,u6", "u5", "u4"),
        ("followee_id,follower_id", "4,5\n5,6", "4", "5"),
        ("user,following", "ann,bob\nbob,cid", "bob", "ann"),
        ("follower,user", "ann,bob\nbob,cid", "bob", "ann"),
        ("follower,friend", "ann,bob\nbob,cid", "bob", "ann"),
        ("Sender,Recipient", "ann,bob\nbob,cid", "ann", "bob"),
        ("person_a,person_b", "ann,bob\nbob,cid", "ann", "bob"),
        ("Teacher,Student", "Anne Lee,Bo\nBo,Cy", "Anne Lee", "Bo"),
        ("gluon,quark", "u1,u2\nu2,u3", "u1", "u2"),
        ("gluon,quark", "Anne Lee,Bo Ray\nBo Ray,Cy", "Anne Lee", "Bo Ray"),
        ("Gluon,Quark", "ann,bob\nbob,cid", "ann", "bob"),
        ("gluon,quark", "a@x.y,b@x.y\nb@x.y,c@x.y", "a@x.y", "b@x.y"),
        ("gluon,quark,spin", "ann,bob,0.5\nbob,cid,1", "ann", "bob"),
        (",source,target", "0,ann,bob\n1,bob,cid", "ann", "bob"),
        (",gluon,quark", "0,14,15\n1,15,16", "14", "15"),
        ("when,weight,to,from", "1,2.5,ann,bob\n2,1,bob,cid", "bob", "ann"),
    ],
)
def test_a_header_of_any_names_is_a_header(tmp_path, header, rows, source, target):
    table = read(tmp_path, f"{header}\n{rows}\n")
    assert edges_of(table)[0] == (source, target)
    assert len(table.source) == len(rows.splitlines())
    if {"source", "target"} - set(header.split(",")):
        assert "the first row was taken for names of columns: source = " in table.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n2,3\n", "ann,bob\ncid,dan\n", "v1 v2\nv3 v4\n", "a b\nc d\n", "ann,bob,0.5\nbob,cid,1\n", "ann,1\n2,3\n",
        "ann,bob\n",
    ],
)  # fmt: skip
def test_a_first_edge_is_no_header(tmp_path, text):
    assert len(read(tmp_path, text).source) == len(text.splitlines())


def test_a_first_row_that_could_be_a_header_is_told_of(tmp_path):
    text = "ovid,livy\n" + "".join(f"name{'xyzuvw'[i]}q,word{'xyzuvw'[i + 1]}q\n" for i in range(5))
    table = read(tmp_path, text)
    assert len(table.source) == 6
    assert "taken for an edge between 'ovid' and 'livy', which occur nowhere else" in table.notes[0]
    assert len(read(tmp_path, text, header=True).source) == 5


def test_a_first_row_of_names_of_its_own_is_a_header_where_no_other_row_is_so(tmp_path):
    names = [f"{first}{last}" for first in "abcde" for last in ("nna", "ob", "ato", "ido", "sme")]
    ring = "".join(f"{one},{other}\n" for one, other in zip(names, names[1:] + names[:1], strict=True))
    table = read(tmp_path, "gluon,quark\n" + ring)
    assert (len(table.source), "the first row was taken for names of columns" in table.notes[0]) == (25, True)
    # With another such row the first may be an edge, and this is told.
    table = read(tmp_path, "gluon,quark\n" + ring + "ovid,livy\n")
    assert (len(table.source), "if it names the columns" in table.notes[0]) == (27, True)


def test_columns_and_header_can_be_said(tmp_path):
    text = "who,sees,often\nann,bob,2\nbob,cid,3\n"
    table = read(tmp_path, text, columns={"source": "sees", "target": "who", "weight": "often"})
    assert edges_of(table) == [("bob", "ann"), ("cid", "bob")]
    assert (table.weights.tolist(), table.notes) == ([2.0, 3.0], ())
    assert edges_of(read(tmp_path, "u v\nw x\n", header=True)) == [("w", "x")]
    assert edges_of(read(tmp_path, "source,target\nann,bob\n", header=False))[0] == ("source", "target")
    numbered = read(tmp_path, "7 8 0.5\n8 9 2\n", columns={"source": "2", "target": "1", "weight": "3"})
    assert (edges_of(numbered)[0], numbered.weights.tolist()) == (("8", "7"), [0.5, 2.0])
    spec = parse_network_file(f"{tmp_path / 'edges.csv'}:source=2,target=1,header=no")
    assert (dict(spec.columns), spec.header) == ({"source": "2", "target": "1"}, False)
    network = read_network(f"{tmp_path / 'edges.csv'}:source=2,target=1,header=no")
    assert (network.name, network.n_edges) == ("edges.csv", 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"source": "whom"}}, "has no column 'whom' to take for source; did you mean who"),
        ({"columns": {"sources": "who"}}, "'sources' is not a column of edges; did you mean source"),
        ({"columns": {"source": "who", "target": "who"}}, "source and target are one column, 'who'"),
        ({"columns": {"source": "4"}, "header": False}, "columns, which have no header, are: 1, 2, 3"),
    ],
)
def test_columns_that_are_not_there_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, "who,sees,often\nann,bob,2\n", **options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("source", "'source' is not one of source="),
        ("sauce=a", "did you mean source"),
        ("header=5", "must be yes or no"),
    ],
)
def test_settings_of_a_file_that_cannot_be_read_are_refused(tmp_path, settings, message):
    (tmp_path / "edges.csv").write_text("a,b\n")
    with pytest.raises(InputError, match=message):
        read_network(f"{tmp_path / 'edges.csv'}:{settings}")


def test_further_columns_are_ignored_and_named(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("source,target,weight,since,\nann,bob,2,1999,\nbob,cid,1,2001,\n")
    assert read_network(path).notes == (f"{path}: further columns, ignored: weights, since",)
    contacts = read_contacts(path)
    assert (contacts.weights.tolist(), contacts.notes) == ([2.0, 1.0], ("further columns, ignored: since",))
    path.write_text("1 2 0.5\n2 3 1.0\n")
    # A simulation has no weights; inference has.
    assert read_network(path).notes[-1] == f"{path}: further columns, ignored: weights"
    assert read_contacts(path).weights.tolist() == [0.5, 1.0]


def test_what_is_merged_is_told(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("ann,bob\nbob,ann\nann,bob\ncid,cid\ncid,bob\n")
    assert read_network(path).notes == (
        f"{path}: edges of an agent to itself, left out: 1",
        f"{path}: repeated edges, in either direction, merged: 2",
    )


def test_tables_of_gephi_say_of_every_edge_whether_it_has_a_direction(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("Source,Target,Type,Id,Weight\na,b,Undirected,0,1.0\nb,c,Directed,1,2.0\n")
    contacts = read_contacts(path)
    assert dict(zip(contacts.labels, contacts.degrees_in, strict=True)) == {"a": 1, "b": 1, "c": 1}
    assert contacts.notes == ("further columns, ignored: Id",)
    path.write_text("Source,Target,Type\na,b,friend\nb,c,kin\n")
    assert read_contacts(path).n_edges == 2


@pytest.mark.parametrize("text", ["sep=;\nann;bob\nbob;cid\n", "ann -> bob\nbob -> cid\n", "ann -- bob\nbob -- cid\n"])
def test_what_stands_between_names_is_no_name(tmp_path, text):
    assert edges_of(read(tmp_path, text)) == [("ann", "bob"), ("bob", "cid")]


def test_names_that_look_like_comments_are_told_of(tmp_path):
    table = read(tmp_path, 'source,target\n"#x","#y"\n#y,#z\n# of old, and new\n')
    assert edges_of(table) == [("#x", "#y")]
    assert table.notes == ("lines that begin with # are comments, such as '#y,#z'; if they are edges, quote the names",)
    with pytest.raises(InputError, match="are comments: such names need double quotes"):
        read(tmp_path, "#x,#y\n#y,#z\n")


def test_a_blank_cell_makes_an_agent_without_that_edge(tmp_path):
    table = read(tmp_path, "Source,Target\nDido,\nLivia,Ovid\n,Nero\n,\n")
    assert edges_of(table) == [("Livia", "Ovid")]
    assert list(table.labels) == ["Dido", "Livia", "Ovid", "Nero"]
    assert table.notes == (
        "rows with one name and a blank, taken for agents without that edge: 2 (the first is line 2)",
    )


def test_edge_lists_of_networkx_keep_their_weights(tmp_path):
    graph = nx.DiGraph([(5, 7, {"weight": 2.5, "color": "red, {blue}"}), (7, 9, {"weight": 1.0, "color": "x"})])
    nx.write_edgelist(graph, tmp_path / "data.edgelist")
    table = read_edges(tmp_path / "data.edgelist")
    assert (edges_of(table), table.weights.tolist()) == ([("5", "7"), ("7", "9")], [2.5, 1.0])
    nx.write_edgelist(nx.path_graph(3), tmp_path / "plain.edgelist")
    assert edges_of(read_edges(tmp_path / "plain.edgelist")) == [("0", "1"), ("1", "2")]
    nx.write_edgelist(graph, tmp_path / "delimited.edgelist", delimiter=",")
    assert edges_of(read_edges(tmp_path / "delimited.edgelist")) == [("5", "7"), ("7", "9")]


@pytest.mark.parametrize("comment", ["% sym unweighted", "# Undirected graph: x.txt", "% undirected"])
def test_a_comment_can_say_that_edges_have_no_direction(tmp_path, comment):
    (tmp_path / "out.txt").write_text(f"{comment}\n1 2\n2 3\n")
    assert read_contacts(tmp_path / "out.txt").n_edges == 4
    (tmp_path / "out.txt").write_text("% asym positive\n1 2\n2 3\n")
    assert read_contacts(tmp_path / "out.txt").n_edges == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_and_gzip(tmp_path, encoding, packed):
    content = "Zoë,José\r\nJosé,Bob\r\n".encode(encoding)
    path = tmp_path / ("edges.csv.gz" if packed else "edges.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    table = read_edges(path)
    assert edges_of(table) == [("Zoë", "José"), ("José", "Bob")]
    assert ("read as Latin-1" in "".join(table.notes)) == (encoding == "latin-1")


def test_parquet(tmp_path):
    frame = pd.DataFrame({"follower": [4, 5, 6], "followed": [5.0, 6.0, None], "weight": [1.0, 0.5, 1.0]})
    frame.to_parquet(tmp_path / "edges.parquet")
    table = read_edges(tmp_path / "edges.parquet")
    assert (edges_of(table), table.weights.tolist()) == ([("5", "4"), ("6", "5")], [1.0, 0.5])
    assert "source = followed, target = follower" in table.notes[0]
    swapped = read_edges(tmp_path / "edges.parquet", columns={"source": "follower", "target": "followed"})
    assert edges_of(swapped)[0] == ("4", "5")
    with pytest.raises(InputError, match="leave header out"):
        read_edges(tmp_path / "edges.parquet", header=False)


def test_matrix_market(tmp_path):
    matrix = sparse.coo_array(([2.0, 3.0], ([0, 2], [1, 1])), shape=(4, 4))
    scipy_io.mmwrite(tmp_path / "directed.mtx", matrix)
    table = read_edges(tmp_path / "directed.mtx")
    assert (sorted(edges_of(table)), table.n_agents) == ([("1", "2"), ("3", "2")], 4)
    (tmp_path / "both.mtx").write_text("%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n")
    assert read_contacts(tmp_path / "both.mtx").n_edges == 4
    (tmp_path / "bad.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 3 1\n1 3 1.0\n")
    with pytest.raises(InputError, match="sparse and square"):
        read_edges(tmp_path / "bad.mtx")


def test_followers_see_what_those_they_follow_post(tmp_path):
    (tmp_path / "follows.csv").write_text("follower,followee\nann,bob\ncid,bob\n")
    contacts = read_contacts(tmp_path / "follows.csv")
    assert dict(zip(contacts.labels, contacts.weights_in, strict=True)) == {"bob": 0.0, "ann": 1.0, "cid": 1.0}
    assert "target = follower" in contacts.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a b\n\n# x\nb c d\n", "line 4: has 3 names or cells, and the first line has 2"),
        (b"a,b\nb,c,d\n", "line 2: has 3 names or cells"),
        (b"source,target,weight\na,b,1\nb,c,x\n", "line 3: weight is not a number; it must be a number of 0 or more"),
        (b"source,target,weight\n# x\na,b,1\n\nb,c,-2\n", "line 5: weight = -2 must be a number of 0 or more"),
        (b'a,b\n"b,c\nd,e\n', "line 2: has a quote that is not closed"),
        (b'b,c\n"a\nx",b\n', "the name 'a' goes on over a line end"),
        (b"alone\n", "line 1: has 1 names; an edge has two"),
        (b"a b\nc\n", "line 2: has 1 names; an edge has two"),
        (b"a b c\nb c\nc a\n", "line 1: has 3 names; an edge has two"),
        (b"source,target\n", "holds no edges|has no edges"),
        (b"", "is not a readable network"),
        (b"a\0b\0,", "is not readable text|has 1 names"),
        (b"\x1f\x8b\x08\0broken", "is not a whole gzip file"),
        (b"PK\x03\x04rest", "a spreadsheet or zip archive"),
    ],
)
def test_lines_that_are_no_edges_are_refused(tmp_path, content, message):
    (tmp_path / "edges.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_contacts(tmp_path / "edges.csv")


def test_a_long_list_is_read_as_pandas_reads_it(tmp_path):
    pairs = np.random.default_rng(1).integers(0, 900, (20_000, 2))
    np.savetxt(tmp_path / "long.txt", pairs, fmt="u%d %d")
    table = read_edges(tmp_path / "long.txt")
    assert edges_of(table) == [(f"u{a}", str(b)) for a, b in pairs.tolist()]


def test_a_third_column_of_fractions_is_weights_and_one_of_whole_numbers_is_not(tmp_path):
    path = tmp_path / "edges.txt"
    path.write_text("a b 0.25\nb c 1\nc a 2.5\n")
    table = read_edges(path)
    assert table.weights.tolist() == [0.25, 1.0, 2.5]
    assert any("third column was taken for weights" in note for note in table.notes)
    assert read_edges(path, columns={"source": "1", "target": "2"}).weights is None
    path.write_text("a b 3\nb c 1\nc a 2\n")
    assert read_edges(path).weights is None


@pytest.mark.parametrize("text", ["user,follows\nb,a\nc,a\nd,b\n", "retweeter,retweeted\nb,a\nc,a\nd,b\n"])
def test_who_follows_sees_what_the_followed_posts(tmp_path, text):
    path = tmp_path / "edges.csv"
    path.write_text(text)
    assert edges_of(read_edges(path)) == [("a", "b"), ("a", "c"), ("b", "d")]


def test_edges_that_are_written_once_may_lead_both_ways(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("source,target\na,b\nb,c\n")
    assert read_contacts(path).weights_in.tolist() == [0.0, 1.0, 1.0]
    assert read_contacts(f"{path}:directed=no").weights_in.tolist() == [1.0, 2.0, 1.0]
    with pytest.raises(InputError, match="directed = maybe must be yes or no"):
        read_contacts(f"{path}:directed=maybe")
