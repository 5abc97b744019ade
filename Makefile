# Two commands for users (demo, test), and those a contributor needs. All of them set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test lint parity bench clean

help:
	@echo "make demo    make .venv, install, and race every optimizer on the handwritten digits"
	@echo "make test    everything a contributor must pass: format, lint, types, tests, doctests"
	@echo "make parity  regenerate the golden trajectories with the real torch and Keras, and compare"
	@echo "make bench   measure a step against optax"

.venv/%.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

demo: .venv/demo.installed
	$(BIN)/python -m adaptive_tx race

test: .venv/test.installed lint
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8

lint: .venv/test.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: .venv/test.installed
	$(BIN)/python benchmarks/step.py

clean:
	rm -rf .venv race
