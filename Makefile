# Two commands matter: `make demo` and `make test`. Both need only Python 3.11+ and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
export ORT_DISABLE_TELEMETRY := 1

.PHONY: demo test test-slow lint types build benchmark clean

demo: $(VENV)/ready                       ## train, export and stream, first the sine, then a real series
	$(BIN)/edgeseq demo -o demo

test: $(VENV)/ready                       ## all tests but the slow ones
	$(BIN)/python -m pytest -m "not slow"

test-slow: $(VENV)/ready                  ## the slow ones
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/ready
	$(BIN)/mypy

build: $(VENV)/ready                      ## wheel and sdist in dist/
	rm -rf dist
	$(BIN)/python -m build --outdir dist

benchmark: $(VENV)/ready
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) dist demo

# The environment: made once, made anew when what it is made from changes.
$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edgeseq needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,cpu]'
	touch $@
