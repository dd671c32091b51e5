"""Reading trajectories: valid files are read, and errors name the file and the line."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tworate.errors import InputError
from tworate.simulate import Trajectories, read_trajectories
from tworate.simulate.trajectories import degree_counts

HEADER = "trajectory,time,infected,population\n"
GOOD = HEADER + "a,0,1,10\na,1,3,10\nb,0,1,10\nb,1,2,10\n"


def written(folder, text, name="trajectories.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_valid_file_is_read_and_sorted_by_time(tmp_path):
    shuffled = HEADER + "a,2,5,10\na,0,1,10\n\nb,0,1,10\na,1,3,10\nb,1,2,10\n"
    table = read_trajectories(written(tmp_path, shuffled)).table
    assert list(table["infected"]) == [1, 3, 5, 1, 2]
    assert list(table["trajectory"]) == ["a", "a", "a", "b", "b"]


def test_spaces_after_commas_are_ignored(tmp_path):
    aligned = GOOD.replace(",", ", ").replace("population", "population ")
    spaced, plain = (read_trajectories(written(tmp_path, text)).table for text in (aligned, GOOD))
    pd.testing.assert_frame_equal(spaced, plain)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("trajectory,time,infected\na,0,1\n", None, "has no column population"),
        ("", None, "is empty"),
        (HEADER, None, "holds no rows"),
        (GOOD.replace("a,1,3,10", "a,,3,10"), 3, "time is empty"),
        (GOOD.replace("a,1,3,10", "a,1,,10"), 2, "trajectory a has one time point"),
        (GOOD.replace("a,1,3,10", "a,1,three,10"), 3, "infected = three; it must be a number"),
        (GOOD.replace("a,1,3,10", "a,1,3.5,10"), 3, "infected = 3.5 must be a whole number"),
        (GOOD.replace("a,0,1,10", "a,0,-1,10"), 2, "infected = -1 must be a whole number from 0"),
        (GOOD.replace("a,1,3,10", "a,1,13,10"), 3, "infected = 13 exceeds population = 10"),
        (GOOD.replace("b,1,2,10", "b,1,0,10"), 5, "infected = 0 is below 1 at the time before"),
        (GOOD.replace("b,1,2,10", "b,0,2,10"), 5, "time = 0 comes twice in trajectory b"),
        (GOOD.replace("b,1,2,10", "b,1,2,12"), 5, "population = 12 differs from 10"),
        (GOOD.replace("b,1,2,10", "c,1,2,10"), 4, "trajectory b has one time point"),
        (GOOD.replace("b,1,2,10", ",1,2,10"), 5, "trajectory is empty"),
        (GOOD.replace("10", "0").replace(",1,0", ",0,0"), 2, "population = 0 must be at least 1"),
        (GOOD.replace("a,1,3,10", "a,inf,3,10"), 3, "time = inf; it must be a number"),
        (GOOD.replace("a,1,3,10", "a,1,3,1e30"), 3, "population = 1e+30 must be a whole number from 0 to 2^53"),
        (GOOD.replace("a,1,3,10", "a,1,3,10,7"), 3, "has 5 cells, the header has 4"),
    ],
)
def test_errors_name_the_file_and_the_line(tmp_path, text, line, message):
    path = written(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_trajectories(path)
    where = str(path) if line is None else f"{path}, line {line}: "
    assert str(caught.value).startswith(where)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_line_numbers_include_blank_lines(tmp_path):
    path = written(tmp_path, HEADER + "\na,0,1,10\n\na,1,99,10\n")
    with pytest.raises(InputError, match="line 5: infected = 99 exceeds"):
        read_trajectories(path)


def test_impossible_numbers_of_edges_are_refused():
    table = pd.DataFrame(
        {"trajectory": 0, "time": [0, 1], "infected": [1, 2], "population": 9, "si_edges": [4, 37], "degree": 8}
    )
    with pytest.raises(InputError, match=r"row 1: si_edges = 37 is more than all edges"):
        Trajectories(table)


WITH_DEGREES = "trajectory,time,infected,population,degree,degrees\na,0,1,10,4.2,3:4 5:6\na,1,3,10,4.2,3:4 5:6\n"


def test_degrees_say_how_many_agents_have_how_many_neighbours(tmp_path):
    data = read_trajectories(written(tmp_path, WITH_DEGREES))
    assert degree_counts(data.table["degrees"].iloc[0]) == {3: 4, 5: 6}
    # The column has a fixed meaning, so it is not a condition.
    assert data.conditions == []
    for name in ("again.csv", "again.parquet"):
        data.save(tmp_path / name)
        assert list(read_trajectories(tmp_path / name).table["degrees"]) == ["3:4 5:6"] * 2


@pytest.mark.parametrize(
    ("degrees", "message"),
    [
        ("3:4 5", "degrees = 3:4 5 must say how many agents have how many neighbours, such as 3:120 4:80"),
        ("3:4 5:6:7", "must say how many agents"),
        ("3:4 3:6", "must say how many agents"),
        ("three:10", "must say how many agents"),
        ("3.5:10", "must say how many agents"),
        ("-3:4 9:6", "must say how many agents"),
        ("3:-4 5:14", "must say how many agents"),
        ("0:10", "must say how many agents"),
        ("many", "must say how many agents"),
        ("3:4 5:7", "degrees are of 11 agents, but population = 10"),
        ("3:6 5:4", "degrees have the mean 3.8, but degree = 4.2; it must be the mean"),
    ],
)
def test_invalid_degrees_are_refused(tmp_path, degrees, message):
    path = written(tmp_path, WITH_DEGREES.replace("3:4 5:6", degrees))
    with pytest.raises(InputError) as caught:
        read_trajectories(path)
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert message in str(caught.value)


def test_degrees_stay_the_same_along_a_trajectory(tmp_path):
    head, _, tail = WITH_DEGREES.rpartition("3:4 5:6")
    with pytest.raises(InputError, match="line 3: degrees = 4:8 5:2 differs from 3:4 5:6 before in trajectory a"):
        read_trajectories(written(tmp_path, head + "4:8 5:2" + tail))


def test_mean_degree_may_be_rounded(tmp_path):
    rounded = WITH_DEGREES.replace("3:4 5:6", "2:1 4:4 5:5").replace("4.2", "4.3")
    assert set(read_trajectories(written(tmp_path, rounded)).table["degree"]) == {4.3}
    counts = {1: 1, 2: 2}
    assert degree_counts(" ".join(f"{k}:{n}" for k, n in counts.items())) == counts


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01", b"PAR1 this is not parquet"])
@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_files_that_are_not_tables_are_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.(csv|parquet)"):
        read_trajectories(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read"):
        read_trajectories(tmp_path / "nowhere.csv")


def test_labels_that_repeat_in_another_condition_are_other_trajectories():
    table = pd.DataFrame(
        {
            "trajectory": [0, 0, 0, 0],
            "time": [0, 1, 0, 1],
            "infected": [5, 9, 1, 2],
            "population": 10,
            "event": list("aabb"),
        }
    )
    data = Trajectories(table)
    assert list(data.path_numbers) == [0, 0, 1, 1]
    parts = {condition["event"]: list(part.table["infected"]) for condition, part in data.split(["event"])}
    assert parts == {"a": [5, 9], "b": [1, 2]}


def test_further_columns_that_change_along_a_trajectory_do_not_split_it():
    table = pd.DataFrame(
        {"trajectory": 0, "time": [0, 1, 2], "infected": [1, 2, 3], "population": 10, "note": ["x", "y", "z"]}
    )
    assert list(Trajectories(table).path_numbers) == [0, 0, 0]


def test_labels_that_repeat_beside_a_column_that_changes_in_every_row():
    one = {"trajectory": 0, "time": [0, 1, 2], "infected": [1, 2, 2], "population": 10, "susceptible": [9, 8, 8]}
    table = pd.concat([pd.DataFrame({**one, "event": name}) for name in "ab"])
    data = Trajectories(table)
    assert list(data.path_numbers) == [0, 0, 0, 1, 1, 1]
    assert [condition for condition, _ in data.split(["event"])] == [{"event": "a"}, {"event": "b"}]


def test_a_column_that_changes_along_a_trajectory_is_not_a_condition():
    table = pd.DataFrame(
        {"trajectory": 0, "time": range(4), "infected": [1, 2, 3, 4], "population": 10, "phase": list("eell")}
    )
    with pytest.raises(InputError, match="phase changes along trajectory 0"):
        list(Trajectories(table).split(["phase"]))


def test_labels_keep_their_leading_zeros(tmp_path):
    text = HEADER + "01,0,1,10\n01,1,2,10\n1,2,3,10\n1,3,4,10\n"
    assert list(read_trajectories(written(tmp_path, text)).path_numbers) == [0, 0, 1, 1]


def test_rows_of_a_table_with_a_repeated_index_are_named_by_position():
    part = pd.DataFrame({"trajectory": 0, "time": [0, 1], "infected": [3, 2], "population": 10})
    good = part.assign(infected=[1, 2], trajectory=1)
    with pytest.raises(InputError, match="row 3: infected = 2 is below 3"):
        Trajectories(pd.concat([good, part]))


def test_labels_of_mixed_types_can_be_written(tmp_path):
    table = pd.DataFrame({"trajectory": ["a", "a", 1, 1], "time": [0, 1] * 2, "infected": 2, "population": 10})
    Trajectories(table).save(tmp_path / "mixed.parquet")
    assert list(read_trajectories(tmp_path / "mixed.parquet").table["trajectory"]) == ["a", "a", "1", "1"]


def test_unknown_condition_column_is_refused_with_those_that_exist():
    data = Trajectories(
        pd.DataFrame({"trajectory": 0, "time": [0, 1], "infected": [1, 2], "population": 10, "event": "a"})
    )
    with pytest.raises(InputError, match="no condition column 'evnt'; there are: event"):
        list(data.split(["evnt"]))


@settings(max_examples=40, deadline=None)
@given(
    paths=st.lists(st.lists(st.integers(0, 50), min_size=2, max_size=6), min_size=1, max_size=4),
    labels=st.sampled_from([["007", "8", "9", "10"], ["é", 'quote"', "comma,", "x y"]]),
    suffix=st.sampled_from([".csv", ".parquet"]),
)
def test_saving_and_reading_gives_the_same_table(tmp_path_factory, paths, labels, suffix):
    rows = [
        {"trajectory": label, "time": t, "infected": int(total), "population": 1000}
        for label, path in zip(labels, paths, strict=False)
        for t, total in enumerate(np.cumsum(path))
    ]
    data = Trajectories(pd.DataFrame(rows))
    path = tmp_path_factory.mktemp("round") / f"trajectories{suffix}"
    data.save(path)
    again = read_trajectories(path)
    assert list(again.table["infected"]) == list(data.table["infected"])
    assert list(again.path_numbers) == list(data.path_numbers)


def test_nothing_is_left_behind_when_writing_fails(tmp_path):
    data = Trajectories(pd.DataFrame({"trajectory": 0, "time": [0, 1], "infected": [1, 2], "population": 10}))
    with pytest.raises(InputError, match=r"ends in \.parquet or \.csv"):
        data.save(tmp_path / "trajectories.xlsx")
    data.table["trajectory"] = pd.Series([object(), object()], dtype=object)
    with pytest.raises(pa.ArrowInvalid):
        data.save(tmp_path / "trajectories.parquet")
    assert list(tmp_path.iterdir()) == []


def with_empty(name, rows):
    """Return a CSV text of two trajectories in which an optional column is empty on some lines."""
    lines = ["trajectory,time,infected,population,degree,si_edges"]
    for number in range(4):
        cells = {"trajectory": "ab"[number // 2], "time": number % 2, "infected": 1 + number % 2, "population": 10,
                 "degree": 4, "si_edges": 3}  # fmt: skip
        if number in rows:
            cells[name] = ""
        lines.append(",".join(str(cell) for cell in cells.values()))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["degree", "si_edges"])
def test_an_optional_column_may_be_empty_for_whole_trajectories(tmp_path, name):
    path = tmp_path / "x.csv"
    path.write_text(with_empty(name, {2, 3}))
    read = read_trajectories(path)
    assert read.table[name].isna().tolist() == [False, False, True, True]
    read.save(tmp_path / "y.parquet")
    pd.testing.assert_frame_equal(read_trajectories(tmp_path / "y.parquet").table, read.table)
    read.save(tmp_path / "y.csv")
    pd.testing.assert_frame_equal(read_trajectories(tmp_path / "y.csv").table, read.table)
    path.write_text(with_empty(name, {0, 1, 2, 3}))
    assert name not in read_trajectories(path).table


@pytest.mark.parametrize("name", ["degree", "si_edges"])
def test_an_optional_column_that_is_empty_within_a_trajectory_is_refused(tmp_path, name):
    path = tmp_path / "x.csv"
    path.write_text(with_empty(name, {3}))
    message = f"line 5: {name} is empty; give it on every line of trajectory b, or on none"
    with pytest.raises(InputError, match=message):
        read_trajectories(path)
