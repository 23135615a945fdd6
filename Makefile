# `make demo` and `make test` need nothing but Python >= 3.11 and make; they install into .venv on first use.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-all lint types format readme bench clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/installed
	rm -rf demo-report
	$(BIN)/gapkit demo --out demo-report

test: .venv/installed
	$(BIN)/pytest -m 'not slow'

test-all: .venv/installed
	$(BIN)/pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: .venv/installed
	$(BIN)/python -m analyses.readme

# About 40 minutes on two cores. Peers are measured where they are installed: pip install -r benchmarks/requirements.txt
DATA ?= mnist
bench: .venv/installed
	mkdir -p benchmarks/results
	$(BIN)/python -m benchmarks.ais --data $(DATA) --json benchmarks/results/ais.json
	$(BIN)/python -m benchmarks.local_fit --data $(DATA) --json benchmarks/results/local_fit.json
	$(BIN)/python -m benchmarks.two_latents --data $(DATA) --json benchmarks/results/two_latents.json
	$(BIN)/python -m benchmarks.memory --json benchmarks/results/memory.json
	$(BIN)/python -m benchmarks.readme

clean:
	rm -rf .venv demo-report
