"""Write the tables of docs/calibration.md, from finished or unfinished recovery studies.

Run with `python docs/calibration_table.py FOLDER [FOLDER of the methods]`, with folders of `tworate recover`. Each
table replaces the text between `<!-- NAME -->` and `<!-- end -->`.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from tworate.inference.calibration import recovery_summary as summary
from tworate.inference.calibration.recovery import METHOD, read_recovery

PAGE = Path(__file__).with_name("calibration.md")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))


def share(count: int, n: int) -> str:
    """Return a share with its 95% interval."""
    low, high = summary.interval(count, n)
    if not n:
        return "none yet"
    return f"{count} of {n}: {count / n:.1%} ({low:.1%} to {high:.1%})"


def targets(rows: pd.DataFrame) -> str:
    """Return the table of targets and measured errors."""
    return table(
        ("error", "at most", "measured (95% interval)", ""),
        [
            (target.name, f"{target.limit:.0%}", share(target.errors, target.n), target.status)
            for target in summary.targets(rows)
            if target.n
        ],
    )


def verdicts(rows: pd.DataFrame) -> str:
    """Return the confusion matrix."""
    counts = summary.confusion(rows)
    wide = counts.pivot_table(index=["label", "truth", "n"], columns="verdict", values="count").reset_index()
    return table(
        ("cell", "truth", "data sets", *summary.VERDICTS),
        [
            (row["label"], row["truth"], f"{row['n']:.0f}", *(f"{row[verdict]:.0f}" for verdict in summary.VERDICTS))
            for _, row in wide.iterrows()
        ],
    )


def methods(rows: pd.DataFrame) -> str:
    """Return one row per method: counts of each verdict in every cell, and calibration of `elpd_diff`."""
    counts = summary.confusion(rows).pivot_table(
        index=list(METHOD), columns=["label", "truth", "n"], values="count", aggfunc=list, sort=False
    )
    cells = sorted(counts.columns, key=lambda cell: (cell[1] != "one-rate", cell[1] != "who", cell))
    header = [f"{label.removeprefix('methods: ')}, {truth} ({n:.0f})" for label, truth, n in cells]
    z = summary.surprise(rows).groupby([rows[name] for name in METHOD])
    return table(
        (*METHOD, *header, "z: mean, sd"),
        [
            (
                *(f"{name}" for name in method),
                *(" / ".join(f"{n:.0f}" for n in row[cell]) if isinstance(row[cell], list) else "–" for cell in cells),
                f"{z.mean()[method]:+.2f}, {z.std(ddof=0)[method]:.2f}",
            )
            for method, row in counts.iterrows()
        ],
    )


def rules(rows: pd.DataFrame) -> str:
    """Return the errors under other thresholds and units, from the same fits."""
    errors_by_rule = []
    rows = summary.default_rows(rows)
    tried = [
        ("increment", *thresholds)
        for thresholds in ((4, 2, 2), (4, 2, 0), (4, 2, 1), (4, 2, 3), (2, 2, 2), (6, 2, 2), (4, 1, 2), (4, 3, 2))
    ]
    tried += [("trajectory", 4, 2, 2), ("trajectory", 4, 2, 0), ("trajectory", 2, 2, 2)]
    for unit, gain, errors, ruled_out in tried:
        judged = summary.rejudged(rows, gain, errors, ruled_out, unit)
        one = judged[judged["label"].str.startswith("one rate")]
        far = judged[judged["label"].str.startswith("found")]
        near = judged[judged["label"].str.startswith("shift")]
        errors_by_rule.append(
            (
                unit, f"{gain}", f"{errors}", f"{ruled_out}",
                share(int((one["verdict"] == "two-rate").sum()), len(one)),
                share(int((one["verdict"] == "one-rate").sum()), len(one)),
                share(int((far["verdict"] != "two-rate").sum()), len(far)),
                share(int(summary.is_confident_error(near).sum()), len(near)),
                " / ".join(str(int((near["verdict"] == name).sum())) for name in ("one-rate", "undecided", "two-rate")),
            )
        )  # fmt: skip
    return table(
        (
            "unit", "gain", "standard errors", "ruled out by", "one rate: found two", "one rate: found one",
            "ratio 4 and more: not found", "ratio 1.25 to 2: confident error", "there: one / undecided / two",
        ),
        errors_by_rule,
    )  # fmt: skip


def fresh(rows: pd.DataFrame) -> str:
    """Return how well `elpd_diff` predicts fresh data."""
    return table(
        ("abs(elpd_diff) / dse", "data sets", "sign holds on fresh data (95% interval)", "z: mean, sd"),
        [
            (
                f"{row['from']:g} to {row['to']:g}", f"{row['n']:.0f}",
                f"{row['sign_holds']:.1%} ({row['low']:.1%} to {row['high']:.1%})",
                f"{row['z_mean']:+.2f}, {row['z_sd']:.2f}",
            )
            for _, row in summary.calibration(rows).iterrows()
        ],
    )  # fmt: skip


def intervals(rows: pd.DataFrame) -> str:
    """Return bias and coverage of parameters."""
    return table(
        ("cell", "parameter", "data sets", "bias (standard error)", "90% intervals that cover (95% interval)"),
        [
            (
                row["label"], row["parameter"], f"{row['n']:.0f}", f"{row['bias']:+z.1%} ({row['bias_se']:.1%})",
                f"{row['coverage']:.0%} ({row['low']:.0%} to {row['high']:.0%})",
            )
            for _, row in summary.parameters(rows).iterrows()
        ],
    )  # fmt: skip


def done(folder: str, rows: pd.DataFrame) -> str:
    """Return the number of finished data sets of a study, and the time of a comparison."""
    record, n = read_recovery(folder)[0], rows.groupby(["cell", "number"]).ngroups
    meant = sum(cell["data_sets"] for cell in record["cells"])
    seconds = rows["cpu_seconds"].median()
    return (
        f"Grid `{record['grid']}`, seed {record['seed']}, version {record['version']}: {n} of {meant} data sets; "
        f"{seconds:.1f} s of processor time for a comparison with its scores (median)."
    )


def main(folders: Sequence[str]) -> None:
    """Write all tables into the page."""
    rows = read_recovery(folders[0])[1]
    made = {"done": done(folders[0], rows)}
    made |= {part.__name__: part(rows) for part in (targets, verdicts, rules, fresh, intervals)}
    for folder in folders[1:]:
        other = read_recovery(folder)[1]
        made |= {"methods done": done(folder, other), "methods": methods(other)}
    page = PAGE.read_text(encoding="utf-8")
    for name, text in made.items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        if page.count(begin) != 1:
            raise SystemExit(f"{PAGE.name}: {page.count(begin)} places for {name}; there must be one")
        before, after = page.split(begin)
        page = f"{before}{begin}{text}\n{after[after.index(end) :]}"
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
