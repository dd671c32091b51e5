"""The report in a real browser: no errors, nothing overflows, tables sort, points have names, it can be printed."""

import json
import re
import shutil
import subprocess

import pandas as pd
import pytest

from tworate import compare
from tworate.models import RandomRegular, TwoRateSI
from tworate.simulate import Trajectories

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed: apt-get install chromium"),
]

PROBE = """
<script>
  const faults = [];
  window.addEventListener("error", (event) => faults.push(String(event.message)));
  for (const kind of ["error", "warn"]) console[kind] = (...parts) => faults.push(parts.join(" "));
  window.addEventListener("load", () => setTimeout(() => {
    const wide = [...document.querySelectorAll("body *")].filter((part) => {
      const scrolls = part.closest(".scroll, .table, figure, pre, svg");
      const box = part.getBoundingClientRect();
      return !scrolls && box.width > 0 && box.right > document.documentElement.clientWidth + 1;
    }).map((part) => part.tagName + "." + part.className);
    const tables = [...document.querySelectorAll("table.sortable")];
    const placeIn = (table) => [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === "mean");
    const table = tables.find((each) => placeIn(each) >= 0), place = placeIn(table);
    const column = (n) => [...table.tBodies[0].rows].map((row) => row.cells[n].textContent.trim());
    const header = table.tHead.rows[0].cells[place], button = header.querySelector("button");
    button.click();
    const rising = column(place), sorted = header.getAttribute("aria-sort");
    button.click();
    const falling = column(place);
    const figure = [...document.querySelectorAll("figure")].find((each) => each.querySelector("script.points"));
    const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
    const point = JSON.parse(figure.querySelector("script.points").textContent)[0].points[0];
    const scale = box.width / svg.viewBox.baseVal.width;
    svg.dispatchEvent(new PointerEvent("pointermove", {
      clientX: box.left + point[0] * scale, clientY: box.top + point[1] * scale, bubbles: true }));
    const style = getComputedStyle(document.body);
    const result = { faults, wide, page: document.documentElement.scrollWidth - window.innerWidth, rising, falling,
      sorted, tip: document.querySelector(".tip").textContent, ink: style.color, paper: style.backgroundColor,
      width: window.innerWidth };
    parent.postMessage(JSON.stringify(result), "*");
  }, 200));
</script>
"""


# A browser without a screen is at least 500 pixels wide, a frame may have any width.
FRAME = """<!DOCTYPE html><title>frame</title><style>body {{ margin: 0 }}</style>
<iframe src="{page}" width="{width}" height="900" style="border: 0"></iframe>
<script>
  window.addEventListener("message", (event) => {{
    const text = document.createElement("script");
    text.type = "application/json"; text.id = "probe"; text.textContent = event.data;
    document.body.append(text);
  }});
</script>"""


def chromium(*arguments):
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def report(make_trajectories, tmp_path_factory):
    """A report with two conditions and a long name without a place to break."""
    parts = [
        make_trajectories(TwoRateSI(1.2, 0.2, 0.5), RandomRegular(16), seed=seed, degree=16, replicates=3).assign(
            event=name
        )
        for seed, name in ((2, "x" * 60), (3, "short"))
    ]
    folder = tmp_path_factory.mktemp("report")
    comparison = compare(Trajectories(pd.concat(parts, ignore_index=True)), by="event", structures="none", seed=1)
    return comparison.report(folder)


@pytest.fixture(scope="module")
def probed(report):
    page = report.with_name("probed.html")
    page.write_text(report.read_text(encoding="utf-8").replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")

    def probe(width, *flags):
        frame = page.with_name(f"frame{width}.html")
        frame.write_text(FRAME.format(page=page.name, width=width), encoding="utf-8")
        dom = chromium("--window-size=1300,1000", "--virtual-time-budget=6000", *flags, "--dump-dom", frame.as_uri())
        return json.loads(re.search(r'<script type="application/json" id="probe">(.*?)</script>', dom, re.DOTALL)[1])

    return probe


@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_overflows_and_nothing_fails(probed, width):
    seen = probed(width)
    assert (seen["faults"], seen["wide"], seen["width"]) == ([], [], width)
    assert seen["page"] <= 0


def test_tables_sort_and_points_have_names(probed):
    seen = probed(1200)
    assert seen["sorted"] == "ascending"
    numbers = [float(cell.replace(",", "").replace("−", "-")) for cell in seen["rising"]]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 3
    assert [float(cell.replace(",", "").replace("−", "-")) for cell in seen["falling"]] == numbers[::-1]
    assert re.search(r"\S+: .*\d.*, .*\d", seen["tip"])


def test_light_and_dark(probed):
    def brightness(colour):
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3

    light, dark = probed(1200), probed(1200, "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
    assert brightness(light["ink"]) < 90 < 200 < brightness(light["paper"])
    assert brightness(dark["paper"]) < 90 < 160 < brightness(dark["ink"])


def test_it_can_be_printed(report, tmp_path):
    chromium("--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'report.pdf'}", report.as_uri())
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 2
