PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LATEST := .venv-latest
# Python 3.11 and later Pythons have different stacks.
CONSTRAINTS := $(shell $(PYTHON) -c "import sys; print('constraints.txt' if sys.version_info < (3, 12) else 'constraints-3.12.txt')")

.PHONY: demo test lint types test-latest test-nutpie real-model mutate calibrate bench docs notebooks clean

demo: $(VENV)/installed  ## Install, then run the main job with the embedded model.
	$(BIN)/tworate run --out runs/demo --force

test: $(VENV)/installed-test lint types  ## Lint, types and the default test tier.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile -m "not calibration and not real_model"

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The repository root is the package, whatever the folder is called: mypy is shown it under its own name.
types: $(VENV)/installed-test
	mkdir -p build/types
	ln -sfn ../.. build/types/tworate
	MYPYPATH=build/types $(BIN)/mypy $(addprefix -m ,tworate tworate.errors tworate.files) \
		$(addprefix -p tworate.,agents simulate models inference analysis common)

test-latest: $(LATEST)/installed  ## The newest of every dependency, without torch and what needs it.
	OMP_NUM_THREADS=1 $(LATEST)/bin/pytest -n 2 --dist loadfile -m "not calibration and not real_model"

test-nutpie: $(VENV)/installed-test  ## The contract with nutpie, on every version in the range.
	$(BIN)/python tests/nutpie_versions.py

real-model: $(VENV)/installed-test  ## The commands and some tests with SmolLM2-135M, which is downloaded (98 MB; under 15 minutes).
	$(BIN)/python examples/real_model.py --out runs/real-model
	OMP_NUM_THREADS=1 $(BIN)/pytest -m real_model

mutate: $(VENV)/installed-test  ## Do the tests notice wrong formulas? A random sample of mutants (about two hours).
	$(BIN)/pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[mutation]'
	$(BIN)/python tests/mutation/mutate.py

calibrate: $(VENV)/installed-test real-model  ## The longer statistical studies, and the real model (an hour or more).
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -m calibration
	$(BIN)/tworate recover --quick --check --seed 1 --out runs/calibration

bench: $(VENV)/installed  ## Side-by-side measurements.
	$(BIN)/pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[bench]'
	$(BIN)/python benchmarks/gather.py docs/benchmarks.md

docs: $(VENV)/installed  ## The documentation as a site in build/site; a warning is an error.
	$(BIN)/pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[docs]'
	mkdir -p build/types
	ln -sfn ../.. build/types/tworate
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

notebooks: $(VENV)/installed  ## Run the notebooks of the site anew and save their outputs (some minutes).
	$(BIN)/pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[docs]'
	$(BIN)/python docs/notebooks/execute.py

$(VENV)/installed: pyproject.toml $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --disable-pip-version-check -q -c $(CONSTRAINTS) -e '.[test]'
	touch $@

# Installed anew each time: the newest versions change from day to day.
$(LATEST)/installed: FORCE
	$(PYTHON) -m venv --clear $(LATEST)
	$(LATEST)/bin/python tests/latest_requirements.py > $(LATEST)/requirements.txt
	$(LATEST)/bin/pip install --disable-pip-version-check -q -r $(LATEST)/requirements.txt
	$(LATEST)/bin/pip install --disable-pip-version-check -q --no-deps -e .

FORCE:

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
