# Each target sets up what it needs, in .venv, and does only what is out of date.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000

.PHONY: help book pdf epub kit serve test train mutate dist checkers clean

help:  ## list the targets
	@grep -E '^[a-z ]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

book: .venv/installed  ## build the site into _docs/, with the PDF and the EPUB
	@$(BIN)/python tools/book.py

pdf epub: .venv/installed  ## build the PDF or the EPUB alone, _docs/nnlit.pdf or _docs/nnlit.epub
	@$(BIN)/python tools/formats.py $@

kit: .venv/installed  ## make the course kit, _kit/nnlit-kit.zip: slides, exercise notebooks, what grades them
	@$(BIN)/python tools/kit.py

serve: .venv/installed  ## build the pages, serve them (PORT=8000), and show every save in the open page
	@PORT=$(PORT) $(BIN)/python tools/serve.py

test: .venv/installed  ## every cell of every chapter, lint, types, every test
	@echo "nbdev_test: every cell of every chapter"
	@$(BIN)/nbdev_test
	@$(BIN)/ruff check --quiet . && $(BIN)/mypy --no-error-summary
	@$(BIN)/python tools/book.py
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

train: .venv/installed  ## train anew what ships with the package, as far as it is out of date (FORCE=1: all; ONLY="addition prose")
	@$(BIN)/python tools/train.py $(if $(FORCE),--force) $(ONLY)

checkers:  ## what the last tests need: a browser, epubcheck and the HTML validator (Debian, as root; npm for the last)
	@command -v chromium >/dev/null && test -e /usr/share/java/epubcheck.jar || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium epubcheck >/dev/null; }
	@test -e .venv-vnu/package || ! command -v npm >/dev/null || { mkdir -p .venv-vnu && cd .venv-vnu && npm pack --silent vnu-jar@26.9.27 >/dev/null && tar xzf vnu-jar-*.tgz; }

mutate: .venv/mutate  ## plant faults, see what the tests and the book notice (MODULES="linear losses")
	@$(BIN)/python tools/mutate.py $(MODULES)

.venv/mutate: .venv/installed .ci/mutate.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -c requirements.lock -r .ci/mutate.lock
	@touch $@

dist: .venv/release  ## build the sdist and the wheel of the last commit into dist/, twice, and check them as an index would
	@$(BIN)/python tools/dist.py

.venv/release: .venv/installed .ci/release.lock
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet -c requirements.lock -r .ci/release.lock
	@touch $@

clean:  ## remove everything that is built, .venv too
	rm -rf .venv .venv-vnu _docs _kit _proc _stage _stage_site build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/installed: requirements.lock setup.py settings.ini pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing: install Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version) is too old: set PYTHON to Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "make: $(PYTHON) lacks venv and pip: install your system's python3-venv package"; exit 1; }
	@echo "installing the locked requirements into .venv (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -r requirements.lock | sed -un 's/^Collecting /  /p'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@
