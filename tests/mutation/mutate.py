"""Mutation testing: do the tests notice when a core formula is wrong?

cosmic-ray makes small changes in copies of the sources, one at a time, and runs the tests of the changed module. A
mutant that no test notices survives. All mutants would take days. A random sample, the same for the same seed,
estimates the share that is killed. Results are kept in a folder, so an interrupted run goes on where it was.
"""

import argparse
import ast
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).parents[2]
# What is mutated, and the tests that must notice, cheap ones first.
TARGETS = {
    "models": "tests/models",
    "inference/likelihood": "tests/inference/likelihood tests/inference/posterior tests/inference/data",
    "inference/loo": "tests/inference/loo tests/inference/comparison tests/integration/test_comparison.py",
    "inference/comparison": "tests/inference/comparison tests/integration/test_comparison.py",
    "simulate/kernels.py": "tests/simulate/test_spreading.py tests/simulate",
}
SKIPPED = {"__init__.py", "comparison_plots.py", "registry.py"}
"""Figures are looked at, not computed with."""
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Add_Mul|Mul_Add|Sub_Div|Pow_Mul)"
    r"|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_Gt|Gt_Lt|Eq_NotEq|NotEq_Eq)"
    r"|ReplaceUnaryOperator_(USub_UAdd|Delete_USub|Delete_Not)|NumberReplacer|AddNot|ReplaceTrueWithFalse"
    r"|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd|ZeroIterationForLoop)$"
)
TIMEOUT = 300.0
"""Seconds of a mutant's tests. One that takes longer counts as killed: it hangs."""

ONE = """
import json, sys
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import MutationSpec
spec = json.loads(sys.argv[1])
result = mutate_and_test([MutationSpec(**spec)], sys.argv[2], float(sys.argv[3]))
print(json.dumps({"outcome": str(getattr(result.test_outcome, "value", result.worker_outcome)), "diff": result.diff}))
"""


def main() -> int:
    """Run a sample of mutants and print the survivors; the status is 1 where fewer than the target were killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=200, help="size of the sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", help="only this target, such as models")
    parser.add_argument("--target", type=float, default=0.9, help="share of mutants that must be killed")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutation", help="folder of the results")
    chosen = parser.parse_args()
    specs = sample(chosen.mutants, chosen.seed, chosen.only)
    chosen.out.mkdir(parents=True, exist_ok=True)
    results = run(specs, chosen.workers, chosen.out)
    survivors = [result for result in results if result["outcome"] == "survived"]
    for result in survivors:
        print(
            f"\nsurvived: {result['module_path']}:{result['start_pos'][0]} {result['operator_name']}\n{result['diff']}"
        )
    for target in TARGETS:
        own = [result for result in results if result["target"] == target]
        if own:
            killed = sum(result["outcome"] != "survived" for result in own)
            print(f"{target}: {killed} of {len(own)} killed")
    share = 1.0 - len(survivors) / max(1, len(results))
    print(f"{len(results) - len(survivors)} of {len(results)} mutants killed ({share:.0%})")
    return 0 if share >= chosen.target else 1


def sample(number: int, seed: int, only: str | None) -> list[dict[str, Any]]:
    """Draw mutants at random, equally many of each target."""
    rng = random.Random(seed)
    targets = [only] if only else list(TARGETS)
    drawn = []
    for target in targets:
        place = ROOT / target
        files = [place] if place.is_file() else [f for f in sorted(place.glob("*.py")) if f.name not in SKIPPED]
        specs = [spec for file in files for spec in mutants(file)]
        rng.shuffle(specs)
        drawn += [{**spec, "target": target} for spec in specs[: number // len(targets)]]
    return drawn


def mutants(file: Path) -> list[dict[str, Any]]:
    """List the mutants of a file that change what it computes, not what it says of itself."""
    text_lines = lines_of_text(file)
    found = []
    for item in _all_work_items([file], {}):
        (spec,) = item.mutations
        line = spec.start_pos[0]
        if OPERATORS.match(spec.operator_name) and line not in text_lines:
            found.append(
                {
                    "module_path": str(file.relative_to(ROOT)),
                    "operator_name": spec.operator_name,
                    "occurrence": spec.occurrence,
                    "start_pos": list(spec.start_pos),
                    "end_pos": list(spec.end_pos),
                    "operator_args": spec.operator_args,
                }
            )
    return found


def lines_of_text(file: Path) -> set[int]:
    """Return the lines of docstrings, messages, annotations and decorators, which tests of numbers need not notice."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        is_text = (isinstance(node, ast.Constant) and isinstance(node.value, str)) or isinstance(node, ast.JoinedStr)
        if is_text or isinstance(node, ast.Raise):
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        if isinstance(node, ast.AnnAssign) and node.value is None:
            lines.add(node.lineno)
        for decorator in getattr(node, "decorator_list", ()):
            lines |= set(range(decorator.lineno, (decorator.end_lineno or decorator.lineno) + 1))
    return lines


def run(specs: list[dict[str, Any]], workers: int, out: Path) -> list[dict[str, Any]]:
    """Run mutants in copies of the tree; what was run before is read."""
    with tempfile.TemporaryDirectory() as folder:
        copies: Queue[Path] = Queue()
        for number in range(workers):
            copies.put(copy_of_tree(Path(folder) / str(number)))

        def one(numbered: tuple[int, dict[str, Any]]) -> dict[str, Any]:
            number, spec = numbered
            file = out / f"{key_of(spec)}.json"
            if file.is_file():
                return dict(json.loads(file.read_text(encoding="utf-8")))
            copy = copies.get()
            try:
                result = {**spec, **run_one(spec, copy)}
            finally:
                copies.put(copy)
            file.write_text(json.dumps(result), encoding="utf-8")
            where = f"{spec['module_path']}:{spec['start_pos'][0]}"
            print(f"{number + 1}/{len(specs)} {where} {spec['operator_name']}: {result['outcome']}", file=sys.stderr)
            return result

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(one, enumerate(specs)))


def run_one(spec: dict[str, Any], copy: Path) -> dict[str, Any]:
    """Apply a mutant in a copy of the tree and run the tests of its module."""
    python = shlex.quote(sys.executable)
    # Tests that fit a posterior are too slow here; the marks are those of the default tier.
    tests = f"{python} -m pytest -x -q -p no:cacheprovider -m 'not calibration' {TARGETS[spec['target']]}"
    fields = {name: value for name, value in spec.items() if name in MutationSpec.__annotations__}
    environment = {**os.environ, "PYTHONPATH": str(copy.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ONE, json.dumps(fields), tests, str(TIMEOUT)],
        cwd=copy, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"cosmic-ray failed: {done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def copy_of_tree(folder: Path) -> Path:
    """Copy the tracked files to a package called tworate."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    copy = folder / "tworate"
    for name in listed:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def key_of(spec: dict[str, Any]) -> str:
    """Return a name for the file of a mutant's result."""
    name = "-".join(str(spec[part]) for part in ("module_path", "operator_name", "occurrence", "operator_args"))
    return re.sub(r"[^A-Za-z0-9]+", "-", name)[:180]


if __name__ == "__main__":
    sys.exit(main())
