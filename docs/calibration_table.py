"""Write the tables of docs/calibration.md, from finished or unfinished recovery studies.

Run with `python docs/calibration_table.py FOLDER …`, with folders of `tworate recover`, one for each grid. Each table
replaces the text between `<!-- NAME -->` and `<!-- end -->`; the grid of a folder determines which tables it gives.
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


PARAMETERS = ("beta_fast", "beta_slow", "weight_fast", "beta")


def histories(rows: pd.DataFrame) -> str:
    """Return coverage and verdicts of event histories by truth, network and clock, and of all together."""
    rows = rows[(rows["level"] == "individual") & (rows["label"] != "power")]
    kinds = [(label, part) for label, part in rows.groupby("label")]
    kinds += [(f"all: {truth}", part) for truth, part in rows.groupby("truth")]
    return table(
        ("truth: network, clock", "data sets", *PARAMETERS, "one-rate / undecided / two-rate"),
        [
            (
                str(label), f"{len(part)}", *(_coverage(part, name) for name in PARAMETERS),
                _verdicts(part),
            )
            for label, part in kinds
        ],
    )  # fmt: skip


def _verdicts(rows: pd.DataFrame) -> str:
    return " / ".join(f"{(rows['verdict'] == name).sum()}" for name in ("one-rate", "undecided", "two-rate"))


def _coverage(rows: pd.DataFrame, name: str) -> str:
    covered = rows[f"{name}_covered"].dropna()
    if covered.empty:
        return "–"
    low, high = summary.interval(int(covered.sum()), len(covered))
    return f"{covered.mean():.0%} ({low:.0%} to {high:.0%})"


def levels(rows: pd.DataFrame) -> str:
    """Return power and bias of the fast rate by ratio, event histories beside counts of the same data."""
    rows = rows[rows["label"] == "power"]
    found = []
    for (ratio, level), part in rows.groupby(["truth_ratio", "level"]):
        relative = part["beta_fast_mean"] / part["beta_fast_true"] - 1
        found.append(
            (
                f"{ratio:g}", str(level), f"{len(part)}", _verdicts(part), f"{part['elpd_diff'].median():.1f}",
                f"{relative.mean():+.1%}", _coverage(part, "beta_fast"),
            )
        )  # fmt: skip
    return table(
        (
            "ratio", "level", "data sets", "one-rate / undecided / two-rate", "median gain", "bias of the fast rate",
            "its 90% intervals that cover",
        ),
        found,
    )  # fmt: skip


def alike(rows: pd.DataFrame) -> str:
    """Return what homophily does, with and without the classes of the agents as a covariate."""
    found = []
    for (truth, homophily, covariates), part in rows.groupby(["truth", "homophily", "covariates"]):
        # With the classes as covariate, the rates are those of an average agent: no true value is known for them.
        known = bool(covariates) and truth != "one-rate"
        coverage = ["–"] * len(PARAMETERS) if known else [_coverage(part, name) for name in PARAMETERS]
        found.append(
            (str(truth), f"{homophily:g}", str(covariates) or "none", f"{len(part)}", _verdicts(part), *coverage)
        )
    return table(
        ("truth", "assortativity", "covariate", "data sets", "one-rate / undecided / two-rate", *PARAMETERS), found
    )


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
    made: dict[str, str] = {}
    for folder in folders:
        record, rows = read_recovery(folder)
        parts = {"individual": (histories, levels), "homophily": (alike,), "methods": (methods,)}.get(
            record["grid"], (targets, verdicts, rules, fresh, intervals)
        )
        name = "done" if targets in parts else f"{record['grid']} done"
        made |= {name: done(folder, rows), **{part.__name__: part(rows) for part in parts}}
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
