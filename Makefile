# The verbs of the project; `make help` lists them. Needs python3 (3.11 or later) and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
LOWEST := .venv-lowest
OUT    ?= runs/main
PYTEST := -m pytest -n 2 --dist worksteal
UV_LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.DEFAULT_GOAL := help
.PHONY: help install run test test-all test-lowest coverage check format hooks figure wheel bench \
	bench-install nyse lock clean

help:            ## list the verbs
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

$(LOWEST)/.installed: requirements-lowest.lock pyproject.toml
	@test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --require-hashes -r requirements-lowest.lock
	$(LOWEST)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP)   ## create .venv and install everything that is pinned in requirements.lock

run: $(STAMP)       ## the full pipeline on the embedded market, into runs/main (OUT=...)
	$(BIN)/statarb run --out $(OUT)

nyse: $(STAMP)      ## fetch NYSE(O), the data of the published figures (done by the tests, too)
	@$(BIN)/python tools/fetch_nyse.py

test: nyse          ## the test suite (minutes)
	$(BIN)/python $(PYTEST) -m "not slow"

test-all: nyse      ## the test suite with the slow checks
	$(BIN)/python $(PYTEST)

test-lowest: nyse $(LOWEST)/.installed ## the test suite with the lowest versions promised
	$(LOWEST)/bin/python $(PYTEST) -m "not slow"

coverage: nyse      ## the test suite with its branch coverage: at least 95 %, pages in coverage/
	$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST) -m "not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet --fail-under=0
	$(BIN)/coverage report

check: $(STAMP)     ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)    ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hooks: $(STAMP)     ## run format, lint and types before every commit (git hooks)
	$(BIN)/pre-commit install

figure: $(STAMP)    ## draw docs/architecture.svg from the imports
	$(BIN)/python tools/architecture.py

wheel: $(STAMP)     ## build the wheel, and run the full pipeline from it in an empty environment
	PYTHON=$(PYTHON) VENV=$(VENV) tools/check_wheel.sh

bench-install: $(STAMP) ## add the peers that the benchmarks are measured beside
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bench.lock

bench: bench-install ## the speed tables of research/benchmarks, beside their peers
	@for script in research/benchmarks/[a-z]*.py; do \
		echo "== $$script"; $(BIN)/python $$script || exit 1; done

lock: $(STAMP)      ## resolve the dependencies anew and pin them, with hashes
	$(UV_LOCK) --extra dev -o requirements.lock pyproject.toml
	$(UV_LOCK) --extra dev --extra bench -o requirements-bench.lock pyproject.toml
	$(UV_LOCK) --extra test --upgrade --resolution lowest-direct \
		-o requirements-lowest.lock pyproject.toml

clean:           ## remove what the verbs made
	rm -rf $(VENV) $(LOWEST) runs data/external coverage .coverage .coverage.* dist build \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis
