# SPDX-License-Identifier: GPL-2.0-only
# Needed before: Python 3.11 or later with venv, and make. All else comes from the locks.

PYTHON ?= python3
PORT ?= 8000
PY = .venv/bin/python

# The package of this checkout, not one that happens to be installed.
export PYTHONPATH := $(CURDIR)
export PYTHONHASHSEED := 0
# Without bytecode kept, each of the suite's many processes compiles the package anew.
unexport VIRTUAL_ENV PYTHONHOME PYTHONDONTWRITEBYTECODE

# Another Python, another environment: the stamps carry its version.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
READY = .venv/.ready-$(VERSION)
EDIT_READY = .venv-edit/.ready-$(VERSION)
BROWSER_READY = .venv-browser/.ready-$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help html pdf serve test test-browser regen lab lint format boot bench bounds mutants lock \
  clean

help:  ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

html: $(READY)  ## build the site in _build/html
	$(PY) -m sphinx -j auto -n -W --keep-going -b html -d _build/doctrees . _build/html
	$(PY) tools/check_site.py _build/html
	@echo "The site is built. Open _build/html/index.html, or: make serve"

serve: html  ## build the site and serve it to this machine alone, on port 8000 or PORT=n
	@echo "http://127.0.0.1:$(PORT)/  (Ctrl-C ends it)"
	@$(PY) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

# one page first: the diagrams stay, and the links lead within the document
pdf: $(READY)  ## the whole document as one PDF, _build/pasid-spec.pdf; needs chromium
	$(PY) -m sphinx -q -t paper -b singlehtml . _build/single
	$(PY) tools/pdf.py _build/single/index.html _build/pasid-spec.pdf

# A notebook has one kernel, and a file's fixtures are made once: neither is divided.
test: $(READY)  ## run the notebooks against their stored outputs, and tests/
	$(PY) -m pytest -n auto --dist loadscope $(TEST_ARGS)

test-browser: html $(BROWSER_READY)  ## try the site in chromium, if there is one
	.venv-browser/bin/python -m pytest tests/browser

regen: $(READY)  ## run the notebooks (or NB=file) and store what they show
	$(PY) tools/regen.py $(NB)
	$(PY) tools/matrix.py
	$(PY) tools/bugs.py
	$(PY) tools/vectors.py

# asks no other host for news, updates or extensions
lab: $(EDIT_READY)  ## open the notebooks in JupyterLab; store what they show with `make regen`
	IPYTHONDIR="$(CURDIR)/_build/ipython" .venv-edit/bin/python -m jupyter lab \
	  --ServerApp.root_dir=spec/notebooks --LabApp.news_url= \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
  --LabApp.extension_manager=readonly \
	  $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_ARGS)

lint: $(READY)  ## ruff and mypy, over the code and over the notebooks' cells
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m nbqa mypy spec/notebooks

format: $(READY)  ## let ruff put code and cells into form
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

boot: $(READY)  ## build the newest kernel that Debian packages, boot it under QEMU, and ask it
	@tree="$$($(PYTHON) tools/fetch_kernels.py | grep linux-source-7)" || \
	  { echo "No linux-source-7 can be had here: .venv/bin/python -m reference_impl boot TREE"; exit 2; }; \
	$(PY) -m reference_impl boot "$$tree"

bounds: $(READY)  ## explore larger scopes, for a night, and say which counts have changed
	$(PY) tools/bounds.py --check

mutants: $(READY)  ## change the code in one place at a time, for a night, and see who notices
	$(PY) -m tools.mutants

bench: $(READY)  ## how fast the explorer is, alone and beside Spin, TLC and Hypothesis
	$(PY) tools/bench.py
	$(PY) -m tools.peers

COMPILE = .venv/bin/uv pip compile -q --system-certs $(UPGRADE) --universal --python-version 3.11 \
  --fork-strategy fewest --generate-hashes --custom-compile-command "make lock"

lock: $(READY)  ## write the requirements files; UPGRADE=--upgrade takes newer versions
	$(COMPILE) pyproject.toml --group test --group docs --group lint -o requirements.txt
	$(COMPILE) pyproject.toml --group edit -c requirements.txt -o requirements-edit.txt
	$(COMPILE) pyproject.toml --group test --group browser -c requirements.txt \
	  -o requirements-browser.txt
	$(COMPILE) --group uv -o requirements-uv.txt
	$(COMPILE) --group peers --no-deps -o requirements-peers.txt

clean:  ## remove all that make has made
	rm -rf _build .venv .venv-edit .venv-browser .mypy_cache .pytest_cache .ruff_cache .hypothesis

# uv only makes it faster: where it does not work, pip installs the same.
# --compile-bytecode: some machines set PYTHONDONTWRITEBYTECODE, and every start would be slow.
PIP = pip install -q --disable-pip-version-check --require-hashes -r

define environment
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "Setting up $(1), once: half a minute or so."
	@$(PYTHON) -m venv --clear $(1)
	@{ $(1)/bin/python -m $(PIP) requirements-uv.txt && \
	   $(1)/bin/uv pip install -q --system-certs -p $(1)/bin/python --compile-bytecode \
	     --require-hashes -r $(2); } || \
	 { echo "uv could not do it; pip takes a little longer."; \
	   $(1)/bin/python -m $(PIP) $(2); }
	@touch $@
endef

$(READY): requirements.txt requirements-uv.txt
	$(call environment,.venv,requirements.txt)

$(EDIT_READY): requirements-edit.txt requirements-uv.txt
	$(call environment,.venv-edit,requirements-edit.txt)

$(BROWSER_READY): requirements-browser.txt requirements-uv.txt
	$(call environment,.venv-browser,requirements-browser.txt)
