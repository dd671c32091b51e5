"""Make the example data of docs/your_data.md. They are simulated with fixed seeds, so they are the same each time.

Run `python examples/data/make.py`. It writes the files beside itself. Nothing in them is real.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from tworate import random_regular, spread

HERE = Path(__file__).parent
TWO_RATES = [[0.25, 0.05]]
"""Probability of sharing at the first sighting, and at any later one."""


def cascades(seed: int, replicates: int, rounds: int, p_share: list[list[float]]) -> pd.DataFrame:
    """Simulate cascades among 1,000 agents with 8 neighbours each; one column a cascade, one row a round."""
    network = random_regular(1000, degree=8, seed=seed)
    made = spread(network, p_share, replicates=replicates, rounds=rounds, seed=seed + 1)
    return made.table.pivot(index="time", columns="trajectory", values="infected").astype(int)


def daily_new(folder: Path) -> None:
    """Write the new sharers of each day, by cascade."""
    total = cascades(1, replicates=8, rounds=30, p_share=TWO_RATES)
    new = total.diff().fillna(total.iloc[[0]]).astype(int)
    new.index.name = "day"
    long = new.melt(ignore_index=False, var_name="cascade", value_name="new_shares").reset_index()
    long[["cascade", "day", "new_shares"]].to_csv(folder / "daily_new.csv", index=False)


def one_column_a_cascade(folder: Path) -> None:
    """Write the count so far, one column a cascade."""
    total = cascades(3, replicates=6, rounds=60, p_share=[[0.10]])
    total.columns = pd.Index([f"post_{name}" for name in "abcdef"])
    total.index.name = "hour"
    total.to_csv(folder / "wide.csv")


def spreadsheet_export(folder: Path) -> None:
    """Write what a German or French spreadsheet exports: semicolons, decimal commas, Windows-1252."""
    total = cascades(5, replicates=6, rounds=24, p_share=TWO_RATES)
    long = total.melt(ignore_index=False, var_name="Kaskade", value_name="Geteilt").reset_index()
    table = pd.DataFrame(
        {
            "Kaskade": long["Kaskade"],
            "Stunde": long["time"] / 2,
            "Geteilt": long["Geteilt"],
            "Größe": 1000,
        }
    )
    table.to_csv(folder / "export.csv", index=False, sep=";", decimal=",", encoding="windows-1252")


def counts_with_dates(folder: Path) -> None:
    """Write the count so far with dates."""
    total = cascades(7, replicates=5, rounds=28, p_share=TWO_RATES)
    total.index = pd.date_range("2024-03-01", periods=len(total), freq="D").strftime("%d/%m/%Y")
    total.index.name = "date"
    long = total.melt(ignore_index=False, var_name="story", value_name="total_shares").reset_index()
    long[["story", "date", "total_shares"]].to_csv(folder / "dates.csv", index=False)


def log_of_shares(folder: Path) -> None:
    """Write who shared when, and who follows whom, with names of accounts and times of day."""
    network = random_regular(300, degree=8, seed=9)
    made = spread(network, [[0.35, 0.08]], replicates=4, rounds=24, seed=10, clock="continuous", histories=True)
    histories = made.histories
    assert histories is not None
    shares = histories.shares.sort_values(["trajectory", "time"])
    when = pd.Timestamp("2024-03-01 08:00:00") + pd.to_timedelta(shares["time"], unit="h").dt.round("s")
    name = np.array([f"user{number:03d}" for number in range(network.n_agents)])
    log = pd.DataFrame(
        {
            "post": [f"post_{'abcd'[int(label)]}" for label in shares["trajectory"]],
            "user": name[shares["agent"].to_numpy(int)],
            "created_at": when.dt.strftime("%Y-%m-%d %H:%M:%S"),
        }
    )
    log.to_csv(folder / "shares.csv", index=False)
    source = np.repeat(np.arange(network.n_agents), np.diff(network.indptr))
    follows = pd.DataFrame({"follower": name[source], "followed": name[network.indices]})
    follows.to_csv(folder / "follows.csv", index=False)


def main(folder: Path = HERE) -> None:
    """Write all files into a folder."""
    for write in (daily_new, one_column_a_cascade, spreadsheet_export, counts_with_dates, log_of_shares):
        write(folder)


if __name__ == "__main__":
    main()
