# Everything runs inside .venv; the only things needed beforehand are Python 3.11+ and make.
PYTHON ?= python3
# For `make run`: options of `inbox-analytics demo`, such as ARGS="--port 8502 --tinybird-port 0".
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
TINYBIRD_CLI := .venv-tinybird/.installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
NEW_ENOUGH := import sys; sys.exit("Inbox Analytics needs Python 3.11 or newer; make PYTHON=/path/to/python3 ... takes another one." if sys.version_info < (3, 11) else 0)
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: run test check install production screenshots lock clean

run: install
	@$(BIN)/inbox-analytics demo $(ARGS)

# Three workers on two cores: many a test waits, for a server to start or a page to be drawn.
test: install $(TINYBIRD_CLI)
	$(BIN)/pytest -n 3

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

install: $(INSTALLED)

# What a server needs: neither the embedded engines nor the tools. Run again after each update.
production:
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --only-binary :all: --require-hashes -r requirements.lock -r requirements-build.lock
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .

$(INSTALLED): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	@echo "Setting up .venv, once ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# Tinybird's official command line, which the tests hold against the local stack. It pins its own versions of
# nearly everything, so it has an environment of its own.
$(TINYBIRD_CLI): requirements-tinybird.lock
	@echo "Setting up .venv-tinybird, once ..."
	@$(PYTHON) -m venv .venv-tinybird
	@.venv-tinybird/bin/python $(PIP_INSTALL) --require-hashes -r requirements-tinybird.lock
	@touch $@

# While `make run` goes on in another terminal.
screenshots: install
	$(BIN)/python docs/take_screenshots.py

# Needs uv (https://docs.astral.sh/uv/): resolves for every platform and every Python from 3.11 on.
lock:
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) --extra local --extra dev --constraints requirements.lock pyproject.toml --output-file requirements-dev.lock
	echo "setuptools>=80" | $(LOCK) - --constraints requirements-dev.lock --output-file requirements-build.lock
	echo "tinybird; python_version < '3.14'" | $(LOCK) - --output-file requirements-tinybird.lock

clean:
	rm -rf .venv .venv-tinybird .local
