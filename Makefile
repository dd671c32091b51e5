PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types calibrate bench clean

demo: $(VENV)/installed  ## Install, then run the main job with the embedded model.
	$(BIN)/tworate run --out runs/demo

test: $(VENV)/installed-test lint types  ## Lint, types and the default test tier.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "not calibration"

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The repository root is the package, whatever the folder is called: mypy is shown it under its own name.
types: $(VENV)/installed-test
	mkdir -p build/types
	ln -sfn ../.. build/types/tworate
	MYPYPATH=build/types $(BIN)/mypy $(addprefix -m ,tworate tworate.errors tworate.files) \
		$(addprefix -p tworate.,agents simulate models inference analysis common)

calibrate: $(VENV)/installed-test  ## The longer statistical studies (an hour or more).
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m calibration
	$(BIN)/tworate recover --quick --check --seed 1 --out runs/calibration

bench: $(VENV)/installed  ## Side-by-side measurements.
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/gather.py docs/benchmarks.md

$(VENV)/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[test]'
	touch $@

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
