"""Tables of others, as people have them: every one is read rightly or refused in one line."""

import gzip
import io

import numpy as np
import pandas as pd
import pytest

import tworate
from tworate.errors import InputError
from tworate.simulate import random_regular, read, spread

LONG = "trajectory,time,infected,population\na,0,2,900\na,1,5,900\na,2,9,900\nb,0,2,900\nb,1,4,900\nb,2,4,900\n"
SUMS = [2, 5, 9, 2, 4, 4]


def written(folder, text, name="x.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def infected(data):
    return data.table["infected"].tolist()


def refused(*args, **settings):
    with pytest.raises(InputError) as caught:
        read(*args, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Dialects.


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_separators_and_encodings(tmp_path, separator, encoding):
    text = LONG.replace("a,", "Zoë,").replace(",", separator)
    data = read(written(tmp_path, text, encoding=encoding))
    assert infected(data) == SUMS
    assert data.table["trajectory"].tolist() == ["Zoë"] * 3 + ["b"] * 3
    assert ("separated" in " ".join(data.notes)) == (separator != ",")


def test_blanks_separate_cells_where_all_lines_have_as_many(tmp_path):
    table = "trajectory   time infected population\na 0   5 100 \na 1  12 100\nb 0 3 100\nb 1 4 100\n"
    data = read(written(tmp_path, table))
    assert infected(data) == [5, 12, 3, 4]
    assert "cells are separated by blanks" in data.notes
    # A table of one column whose cells have blanks.
    log = "created_at\n2023-01-01 10:00\n2023-01-01 11:00\n"
    assert infected(read(written(tmp_path, log), population=10, every=1))[-1] == 2


@pytest.mark.parametrize("name", ["x.csv.gz", "x.tsv", "x.csv"])
def test_gzip_is_known_by_its_content(tmp_path, name):
    assert infected(read(written(tmp_path, gzip.compress(LONG.encode()), name))) == SUMS


def test_a_torn_gzip_file_is_refused(tmp_path):
    assert "not a whole gzip file" in refused(written(tmp_path, gzip.compress(LONG.encode())[:30], "x.csv.gz"))


def test_an_open_file_and_text_are_read():
    assert infected(read(io.BytesIO(LONG.encode()))) == SUMS
    assert infected(read(io.StringIO(LONG))) == SUMS


def test_spreadsheets(tmp_path):
    frame = pd.read_csv(io.StringIO(LONG)).assign(time=pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-04"] * 2))
    with pd.ExcelWriter(tmp_path / "x.xlsx") as book:
        pd.DataFrame({"about": ["numbers made for a test"]}).to_excel(book, sheet_name="readme", index=False)
        frame.to_excel(book, sheet_name="counts", index=False)
    data = read(tmp_path / "x.xlsx", sheet="counts")
    assert infected(data) == SUMS
    assert data.table["time"].tolist() == [0, 1, 3] * 2
    assert "has no sheet 'other'; there are: readme, counts" in refused(tmp_path / "x.xlsx", sheet="other")
    assert "sheet 'readme' of 2" in " ".join(read_notes_of_first_sheet(tmp_path, frame))


def read_notes_of_first_sheet(folder, frame):
    with pd.ExcelWriter(folder / "y.xlsx") as book:
        frame.to_excel(book, sheet_name="readme", index=False)
        frame.to_excel(book, sheet_name="counts", index=False)
    return read(folder / "y.xlsx").notes


@pytest.mark.parametrize("content", [b"PK\x03\x04 a broken archive", b"\xd0\xcf\x11\xe0 old Excel", b"BZh91AY"])
def test_archives_are_refused_by_name(tmp_path, content):
    assert "unpack it or export it as text" in refused(written(tmp_path, content, "x.xlsx"))


def test_decimal_commas_and_groups_of_digits(tmp_path):
    text = "trajectory;time;infected;population\na;0,0;2;12.000\na;0,5;1.205;12.000\na;1,25;9.000;12.000\n"
    data = read(written(tmp_path, text))
    assert data.table["time"].tolist() == [0.0, 0.5, 1.25]
    assert (infected(data), data.table["population"].iloc[0]) == ([2, 1205, 9000], 12000)
    assert any("decimal comma" in note for note in data.notes)


@pytest.mark.parametrize("mark", [",", " ", "\u00a0", "\u202f", "'", "_"])
def test_groups_of_digits(tmp_path, mark):
    text = f'trajectory,time,infected,population\na,0,2,"12{mark}000"\na,1,"1{mark}205","12{mark}000"\n'
    data = read(written(tmp_path, text))
    assert (infected(data), data.table["population"].iloc[0]) == ([2, 1205], 12000)


def test_counts_that_can_be_read_both_ways_are_asked_for(tmp_path):
    path = written(tmp_path, "trajectory;time;infected;population\na;0;1.000;9.000\na;1;2.000;9.000\n")
    assert "1.000 can be 1 or 1000" in refused(path)
    assert infected(read(path, decimal=",")) == [1000, 2000]
    assert infected(read(path, decimal=".")) == [1, 2]


def test_two_ways_of_writing_decimals_contradict_each_other(tmp_path):
    path = written(tmp_path, "trajectory;time;infected;population\na;0,5;1;9\na;1.25;2;9\n")
    assert "1.25 has a decimal point and 0,5 a decimal comma" in refused(path)


def test_remarks_around_the_table_are_left_out_and_said(tmp_path):
    text = "Retweets of one post\n# made for a test\n" + LONG + "Source: none, it was made up\nTotal,,26,\n"
    data = read(written(tmp_path, text))
    assert infected(data) == SUMS
    said = " ".join(data.notes)
    assert "lines 1 to 2 before the header" in said
    assert "Total" in said or "Source" in said


def test_line_numbers_count_what_was_left_out(tmp_path):
    text = "A title\n\n" + LONG.replace("b,2,4,900", "b,2,4000,900")
    assert "line 9: infected = 4000 exceeds population = 900" in refused(written(tmp_path, text))


def test_a_line_that_was_cut_off_is_an_error_and_no_remark(tmp_path):
    assert "line 8: has 2 cells, the header has 4" in refused(written(tmp_path, LONG + "b,3\n"))


def test_a_table_needs_a_header(tmp_path):
    assert "is no header" in refused(written(tmp_path, "0,1,2,100\n0,2,3,100\n"))


def test_names_of_rows_without_a_name_are_ignored(tmp_path):
    text = "trajectory,time,infected,population\n1,a,0,2,900\n2,a,1,5,900\n"
    assert infected(read(written(tmp_path, text))) == [2, 5]
    frame = pd.read_csv(io.StringIO(LONG))
    frame.to_csv(tmp_path / "index.csv")
    assert infected(read(tmp_path / "index.csv")) == SUMS


# Shapes.


def test_counts_of_intervals_are_added_up_as_asked(tmp_path):
    path = written(tmp_path, "day,reposts\n1,4\n2,3\n3,0\n4,6\n")
    message = refused(path)
    for part in ("--column infected=reposts", "--incidence", "--population N", "reposts falls"):
        assert part in message
    assert "line 3: infected = 3 is below 4" in refused(path, columns={"infected": "reposts"}, population=500)
    data = read(path, columns={"infected": "reposts"}, incidence=True, population=500)
    assert (infected(data), data.time_unit) == ([4, 7, 7, 13], "day")
    # Each trajectory has its own sum, in any order of the lines.
    two = "cascade,hour,new_shares,pop\nb,1,1,90\na,2,5,90\na,1,2,90\nb,2,0,90\n"
    data = read(written(tmp_path, two, "two.csv"))
    assert dict(data.table.groupby("trajectory")["infected"].apply(list)) == {"a": [2, 7], "b": [1, 1]}


def test_columns_that_change_within_a_trajectory_are_no_conditions(tmp_path):
    table = "time,total,new,site\n0,5,5,x\n1,8,3,x\n2,12,4,x\n"
    data = read(written(tmp_path, table), population=100)
    assert infected(data) == [5, 8, 12]
    assert data.conditions == ["site"]
    assert any("are no conditions: total" in note for note in data.notes)
    # Trajectories of two sites have the same name: the site tells them apart.
    table = "trajectory,time,infected,population,venue\n" + "".join(
        f"0,{time},{5 + time},50,{venue}\n" for venue in "xy" for time in range(3)
    )
    assert read(written(tmp_path, table)).conditions == ["venue"]


def test_counts_below_zero_are_refused(tmp_path):
    path = written(tmp_path, "trajectory,time,incidence,population\na,0,4,90\na,1,-1,90\n")
    assert "line 3: incidence = -1 is below 0, as after a correction" in refused(path)


def test_a_wide_table_is_recognised_and_said(tmp_path):
    path = written(tmp_path, "hour,post 1,post 2,post 3\n0,1,2,3\n1,4,2,5\n2,6,3,\n")
    assert "each of 3 columns (post 1 to post 3) is taken for a trajectory" in refused(path)
    data = read(path, population=80)
    assert dict(data.table.groupby("trajectory")["infected"].apply(list)) == {
        "post 1": [1, 4, 6], "post 2": [2, 2, 3], "post 3": [3, 5],
    }  # fmt: skip
    by_interval = read(path, population=80, incidence=True)
    assert by_interval.table.groupby("trajectory")["infected"].last().tolist() == [11, 7, 8]


def test_columns_that_count_different_things_are_no_wide_table(tmp_path):
    path = written(tmp_path, "date,cases,deaths\n2020-03-01,3,0\n2020-03-02,9,1\n")
    assert "--column infected=cases" in refused(path, population=1000)
    assert infected(read(path, columns={"infected": "cases"}, population=1000)) == [3, 9]


def test_those_who_are_infected_now_are_not_counted(tmp_path):
    path = written(tmp_path, "date,active\n2020-03-01,3\n2020-03-02,2\n")
    assert "active seems to count those who are infected now" in refused(path, population=100)


def test_a_log_of_shares_is_counted_on_a_grid(tmp_path):
    text = (
        "created_at,author_id,post_id\n2024-05-01T10:00:00Z,7,p\n2024-05-01T11:30:00Z,8,p\n2024-05-01T10:40:00Z,7,p\n"
    )
    path = written(tmp_path, text + "2024-05-01T13:00:00Z,9,p\n")
    assert "--population N" in refused(path)
    data = read(path, population=50, every=1.0)
    assert (infected(data), data.table["time"].tolist()) == ([1, 1, 2, 3], [0, 1, 2, 3])
    assert (data.time_unit, data.clock) == ("hour", "continuous")
    assert "later shares of an agent that had shared, left out: 1" in data.notes
    assert infected(read(path, population=50, every=2.0, until=2.0, time_unit="hour")) == [1, 2]
    assert len(read(path, population=50).table) <= 62


def test_a_log_whose_labels_are_numbers_is_no_wide_table(tmp_path):
    path = written(tmp_path, "timestamp,user_id,tweet_id\n10,7,1\n11,8,1\n12,9,2\n14,7,2\n")
    data = read(path, population=20, every=1)
    assert dict(data.table.groupby("trajectory")["infected"].last()) == {1: 2, 2: 2}


def test_a_log_with_a_network_becomes_event_histories(tmp_path):
    shares = written(tmp_path, "user,timestamp,tweet\nann,2024-05-01,t\nbob,2024-05-03,t\n")
    follows = written(tmp_path, "follower,followed\nbob,ann\ncy,bob\n", "follows.csv")
    data = read(shares, network=follows)
    assert data.histories is not None
    assert (data.histories.n_shares, data.histories.network_of(0).n_agents, data.time_unit) == (2, 3, "day")
    data.save(tmp_path / "kept.parquet")
    again = read(tmp_path / "kept.parquet")
    assert (again.time_unit, again.histories.time_unit, again.histories.n_shares) == ("day", "day", 2)
    assert "--population goes with counts" in refused(shares, network=follows, population=10)


def test_frames_with_dates_in_column_or_index():
    dates = pd.date_range("2024-05-01", periods=3, tz="Europe/Berlin")
    frame = pd.DataFrame({"infected": [2, 5, 9]}, index=dates)
    for table in (
        frame,
        frame.tz_localize(None).to_period("D"),
        frame.rename_axis("date").reset_index(),
        frame.reset_index(drop=True).assign(time=pd.to_timedelta([0, 1, 2], unit="D")),
    ):
        data = read(table, population=100)
        assert (data.table["time"].tolist(), data.time_unit, infected(data)) == ([0, 1, 2], "day", [2, 5, 9])
    assert read(frame, population=100, time_unit="hour").table["time"].tolist() == [0, 24, 48]
    wide = pd.DataFrame({"p1": [1, 2, 4], "p2": [1, 1, 3]}, index=dates)
    assert infected(read(wide, population=100)) == [1, 2, 4, 1, 1, 3]


def test_dates_are_never_taken_for_microseconds():
    frame = pd.DataFrame(
        {"trajectory": 0, "time": pd.date_range("2024-05-01", periods=3), "infected": [1, 2, 4], "population": 9}
    )
    assert tworate.read(frame).table["time"].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"tworate\.read\(table\) counts them"):
        tworate.Trajectories(frame)


# What real counts contain.


def test_counts_that_fall_are_refused_with_what_to_do(tmp_path):
    path = written(tmp_path, LONG.replace("a,2,9", "a,2,4"))
    message = refused(path)
    for part in ("line 4: infected = 4 is below 5", "--incidence", "--monotone running-max", "infected now"):
        assert part in message
    data = read(path, monotone="running-max")
    assert infected(data) == [2, 5, 5, 2, 4, 4]
    assert "raised to it: 1" in " ".join(data.notes)
    assert "must be running-max" in refused(path, monotone="mean")


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "ND", "nan", "-", "NULL", "#N/A"])
def test_missing_counts(tmp_path, cell):
    data = read(written(tmp_path, LONG.replace("a,1,5", f"a,1,{cell}")))
    assert infected(data) == [2, 9, 2, 4, 4]
    assert "rows without a count, left out: 1" in " ".join(data.notes)
    by_interval = LONG.replace("infected", "incidence").replace("a,1,5", f"a,1,{cell}")
    assert "line 3: the count of this interval is missing" in refused(written(tmp_path, by_interval))
    at_end = LONG.replace("infected", "incidence").replace("a,2,9", f"a,2,{cell}")
    assert infected(read(written(tmp_path, at_end))) == [2, 7, 2, 6, 10]


def test_text_for_a_count_is_refused(tmp_path):
    assert "line 3: infected = many; it must be a number" in refused(
        written(tmp_path, LONG.replace("a,1,5", "a,1,many"))
    )


def test_a_population_that_changes_is_refused_with_what_to_do(tmp_path):
    path = written(tmp_path, LONG.replace("a,2,9,900", "a,2,9,950"))
    assert "--population" in refused(path)
    assert infected(read(path, population=1000)) == SUMS


@pytest.mark.parametrize(
    ("column", "rows"),
    [
        ("issued", ["a,0,2,90,2020-05-01", "a,1,5,90,2020-05-02", "a,1,6,90,2020-05-09", "a,2,8,90,2020-05-03"]),
        ("final", ["a,0,2,90,no", "a,1,5,90,no", "a,2,7,90,no", "a,1,6,90,yes", "a,2,9,90,yes"]),
        ("vintage", [f"a,{t},{n},90,{v}" for v in (6, 8) for t, n in enumerate((2, 5, 9, 12, 18, 25, 31, 40)[:v])]),
    ],
)
def test_versions_of_one_trajectory_are_not_two(tmp_path, column, rows):
    text = f"trajectory,time,infected,population,{column}\n" + "\n".join(rows) + "\n"
    message = refused(written(tmp_path, text))
    assert f"told apart by {column} only" in message


def test_a_label_may_be_used_again_in_other_conditions():
    network = random_regular(60, 4, seed=1)
    runs = [
        spread(network, np.array([[probability]]), rounds=12, replicates=5, seed=seed).table.assign(event=name)
        for seed, (name, probability) in enumerate([("x", 0.2), ("y", 0.3), ("z", 0.2)])
    ]
    data = tworate.Trajectories(pd.concat(runs, ignore_index=True))
    assert data.path_numbers.max() == 14


@pytest.mark.parametrize("probability", [0.05, 0.3, 0.9])
def test_separate_spreads_are_not_taken_for_versions(probability):
    network = random_regular(20, 3, seed=1)
    runs = [
        spread(network, np.array([[probability]]), rounds=30, replicates=4, seed=seed).table.assign(event=seed)
        for seed in range(60)
    ]
    assert tworate.Trajectories(pd.concat(runs, ignore_index=True)).path_numbers.max() == 239


def test_without_labels_times_must_not_repeat(tmp_path):
    text = "time,infected,population,city\n0,2,90,x\n1,5,90,x\n0,1,90,y\n1,4,90,y\n"
    path = written(tmp_path, text)
    assert "line 4: time = 0 comes twice" in refused(path)
    assert "--column trajectory=city" in refused(path)
    assert infected(read(path, columns={"trajectory": "city"})) == [2, 5, 1, 4]
    assert infected(read(written(tmp_path, text.replace("city", "country"), "y.csv"))) == [2, 5, 1, 4]


# Names of columns.


def test_names_that_the_user_gives(tmp_path):
    path = written(tmp_path, LONG.replace("infected", "n").replace("population", "everyone"))
    assert infected(read(path, columns={"infected": "n", "population": "everyone"})) == SUMS
    assert "has no column 'everybody'; there are: trajectory" in refused(path, columns={"population": "everybody"})
    assert "did you mean infected?" in refused(path, columns={"infectd": "n"})
    assert "given two names" in refused(path, columns={"infected": "n", "population": "n"})


def test_names_in_other_cases_are_ours(tmp_path):
    assert infected(read(written(tmp_path, LONG.replace("trajectory,time", " Trajectory,TIME ")))) == SUMS


def test_a_simulation_is_read_as_it_was_written(tmp_path):
    made = spread(random_regular(80, 4, seed=1), np.array([[0.2]]), rounds=9, replicates=3, seed=2, histories=True)
    for name in ("x.csv", "x.parquet"):
        made.save(tmp_path / name)
        again = read(tmp_path / name)
        pd.testing.assert_frame_equal(again.table, made.table, check_dtype=False)
        assert not again.notes
        assert np.array_equal(again.histories.table["time"], made.histories.table["time"])


# What a newcomer's trial had found: inputs that were misread in silence.


@pytest.mark.parametrize("cell", ["1300 (est.)", '"1,30,000"', "1.3K", "five"])
def test_a_count_that_cannot_be_read_does_not_turn_rows_into_shares(tmp_path, cell):
    path = written(tmp_path, f"date,retweets\n2024-01-01,1200\n2024-01-02,{cell}\n2024-01-03,1500\n")
    assert "--column infected=NAME" in refused(path, population=100_000)
    assert "line 3: infected" in refused(path, population=100_000, columns={"infected": "retweets"})


@pytest.mark.parametrize("first", ["2024-01-0{}", "{}"])
def test_counts_with_unquoted_groups_do_not_shift_the_columns(tmp_path, first):
    rows = [f"{first.format(day)},{day},{day}00" for day in (3, 4, 5)]
    text = "date,infected\n" + "\n".join(rows) + "\n"
    assert "line 2: has 3 cells, the header has 2" in refused(written(tmp_path, text), population=100_000)


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("year,week,new_cases", ["2024,51,5", "2024,52,8", "2025,1,9"]),
        ("year,month,day,new_cases", ["2024,1,30,5", "2024,1,31,8", "2024,2,1,9"]),
        ("date,time,infected", ["2024-01-01,8,5", "2024-01-01,20,7", "2024-01-02,23,9"]),
        ("date,time,user", ["2024-01-01,9,a", "2024-01-02,8,b"]),
    ],
)
def test_a_time_in_several_columns_is_refused(tmp_path, header, rows):
    path = written(tmp_path, header + "\n" + "\n".join(rows) + "\n")
    assert "the time seems to stand in several columns" in refused(path, population=100, every=None)


def test_two_forms_of_one_time_are_no_split_time(tmp_path):
    text = "date,time,infected\n2024-01-01,0,5\n2024-01-02,1,7\n2024-01-03,2,9\n"
    assert infected(read(written(tmp_path, text), population=100)) == [5, 7, 9]


def test_times_that_can_be_read_both_ways_are_asked_for(tmp_path):
    counts = written(tmp_path, "time;infected;population\n1,125;1;100\n1,250;3;100\n")
    log = written(tmp_path, "user;time\na;1,125\nb;2,250\n", "log.csv")
    for path in (counts, log):
        assert "1,125 can be 1.125 or 1125" in refused(path, population=100)
        assert read(path, population=100, decimal=",").table["time"].iloc[0] == 1.125


def test_a_log_ends_with_its_last_row_or_where_it_is_said(tmp_path):
    path = written(tmp_path, "user,time\na,0\nb,1\na,2\n")
    assert infected(read(path, population=100, every=1)) == [1, 2, 2]
    late = written(tmp_path, "cascade,user,time\nx,a,0\nx,b,2\ny,c,4\n", "late.csv")
    data = read(late, population=100, every=1, until=4)
    assert (set(data.table["trajectory"]), data.table["time"].max()) == ({"x"}, 4)
    assert "left out: 1" in " ".join(data.notes)


@pytest.mark.parametrize(
    ("rows", "until"), [("a,0\n", None), ("a,5\nb,5\n", None), ("a,3\nb,4\n", 2), ("a,3\nb,4\n", 3)]
)
def test_a_log_in_which_no_time_passes_is_refused(tmp_path, rows, until):
    assert "no time passes" in refused(written(tmp_path, "user,time\n" + rows), population=100, until=until)


def test_labels_of_rows_are_not_trajectories(tmp_path):
    path = written(tmp_path, "post_id,author_id,time\n1,7,0\n2,8,1\n3,9,2\n")
    assert infected(read(path, population=100, every=1)) == [1, 2, 3]


def test_rounded_names_of_agents_are_refused(tmp_path):
    path = written(tmp_path, "user_id,time\n1.20E+18,0\n1.20E+18,1\n")
    assert "line 2: agent = 1.20E+18 is a rounded number" in refused(path, population=100)


def test_a_unit_that_contradicts_the_column_is_refused(tmp_path):
    path = written(tmp_path, "minute,infected,population\n0,1,10\n60,2,10\n")
    assert "holds numbers of minutes, but --time-unit says hour" in refused(path, time_unit="hour")


def test_a_sum_is_no_trajectory_of_a_wide_table(tmp_path):
    data = read(written(tmp_path, "date,Germany,France,Total\n2024-01-01,1,2,3\n2024-01-02,4,5,9\n"), population=100)
    assert set(data.table["trajectory"]) == {"Germany", "France"}
    assert "left out: Total" in " ".join(data.notes)


def test_rows_without_a_name_are_shares_only_if_this_is_said(tmp_path):
    path = written(tmp_path, "time,text\n0,one\n1,two\n")
    assert "without names, say --every T" in refused(path, population=100)
    data = read(path, population=100, every=1)
    assert infected(data) == [1, 2]
    assert "no column says who shared: every row counts as a new sharer" in data.notes


@pytest.mark.parametrize(
    ("text", "kind"), [("<html><body>404</body></html>", "HTML"), ('[{"time": 1}]', "JSON"), ("{}", "JSON")]
)
def test_other_formats_are_named(tmp_path, text, kind):
    assert f"is {kind}" in refused(written(tmp_path, text))


def test_messages_name_the_columns_of_the_file(tmp_path):
    assert refused(written(tmp_path, "Datum,retweets\n2024-01-01,5\n"), population=9).endswith(
        "there are: Datum, retweets"
    )
