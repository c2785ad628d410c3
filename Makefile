# Two commands do everything on a fresh machine: `make demo` runs the main job, `make test` proves it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Threads of torch and BLAS spin when they share cores; the pipeline parallelises over processes instead.
export OMP_NUM_THREADS ?= 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo test bench clean

$(BIN)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[all]'
	touch $@

demo: $(BIN)/.installed
	dvc repro
	mmfeat info data/aligned/demo.h5
	mmfeat plot data/aligned/demo.h5 $$(mmfeat info data/aligned/demo.h5 --json | python -c "import json,sys; print(json.load(sys.stdin)['ids']['test'][0])") --output data/plots/demo.png
	zoo list
	cat data/results/demo/aumdf-small/seed-1111/summary.txt

# In the order of the files: sorted by their number of tests, the longest one, all by itself, would come last.
test: $(BIN)/.installed
	python -m pytest -n auto --dist loadscope --no-loadscope-reorder
	ruff check .
	ruff format --check .
	mypy
	lint-imports

bench: $(BIN)/.installed
	python tests/benchmarks/run.py

clean:
	rm -rf data $(VENV)
