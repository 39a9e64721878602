# `make quickstart` and `make test` set everything up by themselves, in .venv.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

# Real motion for tests and scripts; tests that need it are skipped without.
ifneq ($(wildcard ../shared/data),)
export TF_POSELIFT_DATA ?= $(abspath ../shared/data)
endif
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help setup quickstart test test-slow lint format clean

help:
	@echo "make quickstart   motion clips -> trained, evaluated, served model (3 to 6 min)"
	@echo "make test         quick tests (20 to 30 min)"
	@echo "make test-slow    kills, loads, recipes, long trainings"
	@echo "make lint         ruff"
	@echo "make setup        only the virtual environment, in .venv"
	@echo "make clean        removes .venv, caches and runs/quickstart"

setup: $(READY)

$(READY): setup.py
	@command -v $(PYTHON) >/dev/null || \
	  { echo "error: $(PYTHON) not found; install Python 3.11 or set PYTHON=..."; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || \
	  { echo "error: no virtual environment; Debian: apt install python3.11-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[quickstart,serving,edge,test]'
	@touch $@

quickstart: $(READY)
	@$(BIN)/python trainers/quickstart.py

test: $(READY)
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal --durations=15

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow --durations=15

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  # keeps the user's own runs
	rm -rf .venv .pytest_cache .ruff_cache runs/quickstart
