# make        create .venv, install edcurve, draw the curves of the ramp and the circle into figures/
# make test   the test tools as well, with PyTorch and Dask among them (1.4 GB more: .venv takes 2 GB), then the tests, on two workers;
#             WORKERS=8 on a larger machine. One file, without waiting for workers: .venv/bin/python -m pytest tests/test_curves.py
# make test CONSTRAINTS=constraints-oldest.txt VENV=.venv-oldest
#             the tests with the oldest releases that pyproject.toml allows; CONSTRAINTS= for the newest there are
# make fuzz   damaged and hostile files, INPUTS=100000 of them, to everything that reads one
# make soak   sweeps that are killed, KILLS=200 times, and resumed
PYTHON ?= python3
VENV   ?= .venv
CONSTRAINTS ?= constraints.txt
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet $(addprefix --constraint ,$(CONSTRAINTS))

INPUTS ?= 100000
KILLS ?= 200
WORKERS ?= 2

.PHONY: run test lint format bench docs fuzz soak clean
.DEFAULT_GOAL := run

run: $(VENV)/.core
	$(BIN)/edcurve figures --out figures

test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

lint: $(VENV)/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench
	$(BIN)/python -m pytest benchmarks --benchmark-only
	$(BIN)/python benchmarks/peers/run.py --out benchmarks/results

fuzz: $(VENV)/.test
	cd tests && $(abspath $(BIN))/python -m fuzz.cache 8
	cd tests && $(abspath $(BIN))/python -m fuzz --inputs $(INPUTS)

soak: $(VENV)/.test
	cd tests && $(abspath $(BIN))/python -m soak --kills $(KILLS)

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf docs/_build docs/_generated docs/api docs/auto_examples docs/auto_tutorials $(VENV) figures .pytest_cache .mypy_cache .ruff_cache .hypothesis

# One stamp per set of dependencies, so that a second `make` installs nothing.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(VENV)/.test: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable '.[test]'
	touch $@

$(VENV)/.lint: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable '.[test,lint]'
	touch $@

$(VENV)/.bench: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable '.[test,peers]'
	touch $@

$(VENV)/.docs: pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	$(PIP) --editable '.[docs]'
	touch $@
