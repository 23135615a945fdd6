# `make demo` and `make test` need nothing but Python >= 3.11 and make; each installs what it needs on first use.
PYTHON ?= python3
BIN := .venv/bin

# Tests run in two processes of one thread each: on two cores that is faster than one process of two threads. Bytecode
# is kept, also where the environment says otherwise: else every process that a test starts would compile anew.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses $(JOBS) --dist loadfile

# The demo needs no tools of developers: it has a small environment of its own, unless that of the tests is there. Its
# second use is to try a wheel as its users get it: make demo WHEEL=dist/gapkit-0.1.0-py3-none-any.whl
WHEEL ?=
DEMO := $(if $(WHEEL)$(if $(wildcard .venv/installed),,own),.venv-demo,.venv)

.PHONY: demo dist test test-slow test-scvi test-all lint types docs format readme bench clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv-demo/installed: pyproject.toml constraints.txt $(WHEEL)
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		$(if $(WHEEL),$(WHEEL),--editable .)
	touch $@

demo: $(DEMO)/installed
	$(DEMO)/bin/gapkit demo --out demo-report --overwrite

# The source distribution, and the wheel that is built from it.
dist: .venv/installed
	rm -rf dist
	$(BIN)/python -m build --outdir dist

test: .venv/installed
	$(PYTEST) -m 'not slow'

test-slow: .venv/installed
	$(PYTEST) -m slow

test-all: .venv/installed
	$(PYTEST)

# scvi-tools needs pandas below 3, so that its tests have an environment of their own.
.venv-scvi/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-scvi
	grep -v '^pandas==' constraints.txt > .venv-scvi/constraints.txt
	.venv-scvi/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint .venv-scvi/constraints.txt --editable '.[scvi]' pytest
	touch $@

test-scvi: .venv-scvi/installed
	OMP_NUM_THREADS=1 .venv-scvi/bin/pytest tests/models/test_scvi_model.py \
		tests/cli/test_scvi_cli.py tests/test_other_libraries.py

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed
	$(BIN)/mypy

# Warnings are errors: a link between pages that leads nowhere is one. Open docs/_build/html/index.html.
docs: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: .venv/installed
	$(BIN)/python -m analyses.readme

# About 55 minutes on two cores. Peers are measured where they are installed: pip install -r benchmarks/requirements.txt
DATA ?= mnist
bench: .venv/installed
	mkdir -p benchmarks/results
	$(BIN)/python -m benchmarks.ais --data $(DATA) --json benchmarks/results/ais.json
	$(BIN)/python -m benchmarks.local_fit --data $(DATA) --json benchmarks/results/local_fit.json
	$(BIN)/python -m benchmarks.two_latents --data $(DATA) --json benchmarks/results/two_latents.json
	$(BIN)/python -m benchmarks.truth --json benchmarks/results/truth.json
	$(BIN)/python -m benchmarks.memory --json benchmarks/results/memory.json
	$(BIN)/python -m benchmarks.preflight --json benchmarks/results/preflight.json
	$(BIN)/python -m benchmarks.kinds --data $(DATA) --json benchmarks/results/kinds.json
	$(BIN)/python -m benchmarks.intervals
	$(BIN)/python -m benchmarks.readme

clean:
	rm -rf .venv .venv-demo .venv-scvi demo-report dist docs/_build docs/api/gapkit*.rst
