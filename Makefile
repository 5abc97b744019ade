# A command for users (demo), three that say whether a change is right (check, test, test-all: minutes, a
# quarter of an hour, as long as it takes), and those a contributor needs. All of them set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8

.DEFAULT_GOAL := help
.PHONY: help demo check test test-all lint notebooks parity equality bench clean

help:
	@echo "make demo       make .venv, install, and race every optimizer on the handwritten digits"
	@echo "make check      format, lint, types, doctests, and the tests that tell most"
	@echo "make test       everything a contributor must pass: check, and the slow tests and notebooks"
	@echo "make test-all   test, and every law of every named optimizer"
	@echo "make lint       format, lint and types alone"
	@echo "make notebooks  execute the notebooks, and keep what they show"
	@echo "make parity     regenerate the golden trajectories with the real torch and Keras, and compare"
	@echo "make equality   measure the table of who equals whom again (docs/equality.md)"
	@echo "make bench      measure a step and a sweep against optax"
	@echo "make clean      remove .venv and what was built"

.venv/%.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

demo: .venv/demo.installed
	$(BIN)/python -m adaptive_tx race

check: .venv/test.installed lint
	$(PYTEST) -m "not slow and not exhaustive"

test: .venv/test.installed lint
	$(PYTEST) -m "not exhaustive"

test-all: .venv/test.installed lint
	$(PYTEST)

lint: .venv/test.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

notebooks: .venv/notebooks.installed
	$(BIN)/jupyter-execute --inplace --kernel_name=python3 notebooks/*.ipynb
	$(BIN)/python notebooks/smaller.py notebooks/*.ipynb

parity: .venv/test.installed
	@test -x .venv/parity/bin/python || $(PYTHON) -m venv .venv/parity
	.venv/parity/bin/python -m pip install --quiet torch==2.13.0 keras==3.15.1 jax numpy
	.venv/parity/bin/python tests/golden/generate.py --out build/golden
	.venv/parity/bin/python tests/golden/generate_schedules.py --out build/golden
	.venv/parity/bin/python tests/golden/compare.py build/golden
	$(BIN)/python -m pytest tests/test_compat_torch.py tests/test_compat_torch_complex.py tests/test_compat_keras.py

equality: .venv/test.installed
	PYTHONPATH=tests:tests/golden $(BIN)/python tests/equality.py

bench: .venv/test.installed
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/sweep.py

clean:
	rm -rf .venv race tune build
