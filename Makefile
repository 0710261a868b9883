# Two commands do everything: `make serve` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

SHARED ?= ../shared

.PHONY: install serve test check demo model sbom clean

install: $(VENV)/.serving

$(VENV)/.serving: pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Snaar needs Python 3.11 or newer"'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.developing: $(VENV)/.serving
	$(BIN)/pip install --quiet --editable '.[training,dev]'
	touch $@

serve: install
	$(BIN)/snaar serve

test: $(VENV)/.developing
	$(BIN)/python -m pytest -m 'not long'

check: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: install
	mkdir -p runs
	$(BIN)/snaar score docs/demo/reviews.csv -o runs/demo.csv --excel-nl
	$(BIN)/snaar report runs/demo.csv -o runs/demo.html --by vestiging

sbom: $(VENV)/.developing
	$(PYTHON) -m venv --clear runs/serving
	runs/serving/bin/pip install --quiet '.[postgres,otel]'
	$(BIN)/pip install --quiet "cyclonedx-bom>=5.0"
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o runs/sbom.cdx.json runs/serving

model: $(VENV)/.developing
	$(BIN)/python -m training join --labels training/data/pool/labels.jsonl --texts $(SHARED)/data/real/pool.jsonl.xz -o runs/pool.jsonl
	$(BIN)/python -m training retrain --data training/data $(SHARED)/data/real/train.jsonl \
		--train-only training/data/codebook training/data/codebook training/data/codebook training/data/motivators training/data/indirect runs/pool.jsonl \
		--validate $(SHARED)/data/real/valid.jsonl --unseen training/data/unseen --base training/base --version 0.5.0 -o model/default

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist
