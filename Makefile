# Everything runs inside .venv; the only things needed beforehand are Python 3.11+ and make.
PYTHON ?= python3
# For `make run`: options of `inbox-analytics demo`, such as ARGS="--port 8502 --tinybird-port 0". For `make test`: of pytest.
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
AUDIT := .venv-audit
TINYBIRD_CLI := .venv-tinybird/.installed
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
NEW_ENOUGH := import sys; sys.exit("Inbox Analytics needs Python 3.11 or newer; make PYTHON=/path/to/python3 ... takes another one." if sys.version_info < (3, 11) else 0)
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: run test test-fast coverage bench bench-full soak check install production audit sbom screenshots lock clean

run: install
	@$(BIN)/inbox-analytics demo $(ARGS)

# Three workers on two cores: two open browsers, and many of the third one's tests wait for a server to start.
test: install $(TINYBIRD_CLI)
	@.ci/programs
	$(BIN)/pytest -n 3 $(ARGS)

# Pure code and transports: starts no program.
test-fast: install
	$(BIN)/pytest -n 2 -m "not slow" $(ARGS)

# Lines and branches that the fast tests run; all of them in the packages of pure code.
coverage: install
	$(BIN)/pytest -n 2 -m "not slow" --cov --cov-report=
	$(BIN)/coverage report
	$(BIN)/coverage report --include="analytics/scope/*,analytics/kpis/*,analytics/geo/*" --fail-under=100

# Each figure beside what was measured next to it in the same run, with its aim.
bench: install
	@.ci/programs
	$(BIN)/python -m benchmarks.first_page
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.globe
	$(BIN)/python -m benchmarks.pipes
	$(BIN)/python -m benchmarks.all_websites
	$(BIN)/python -m benchmarks.local_stack
	$(BIN)/python -m benchmarks.emitter

# The large sizes, an hour of use, and days that pass on a clock that is set: two hours.
bench-full: install
	@.ci/programs
	$(BIN)/python -m benchmarks.pages --opened 1000
	$(BIN)/python -m benchmarks.quota
	$(BIN)/python -m benchmarks.quota --ten-hours 8
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.local_stack --minutes 60

# Twenty viewers on the real app while faults come and go, for half an hour: SOAK_SECONDS=180 make soak.
soak: install
	$(BIN)/python -m benchmarks.soak

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

install: $(INSTALLED)

# What a server needs: neither the embedded engines nor the tools. Run again after each update.
production:
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) --only-binary :all: --require-hashes -r requirements.lock -r requirements-build.lock
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q analytics pages app.py asgi_app.py

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

# Asks PyPI for the known vulnerabilities of what a server installs. Fails when there is one, and when it could not be asked:
# --strict, because an index without that data answers for every package that it is not known.
audit: $(AUDIT)/.installed
	@rm -f $(AUDIT)/found
	@if $(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement requirements.lock \
	  --output $(AUDIT)/found 2> $(AUDIT)/said; then \
	  echo "No known vulnerability in what requirements.lock names."; \
	elif [ -s $(AUDIT)/found ]; then \
	  cat $(AUDIT)/found; echo "requirements.lock names packages with known vulnerabilities: update them by make lock."; exit 1; \
	else \
	  tail -n 1 $(AUDIT)/said; echo "Not audited: PyPI's vulnerability data cannot be reached from here, so nothing is known."; exit 1; \
	fi

# The list of what a server installs, with hashes, as CycloneDX JSON: the same file for the same lock.
sbom: $(AUDIT)/.installed
	@mkdir -p dist
	@$(AUDIT)/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
	  --output-file dist/sbom.cdx.json requirements.lock
	@echo "Written to dist/sbom.cdx.json."

$(AUDIT)/.installed: requirements-audit.lock
	@echo "Setting up $(AUDIT), once ..."
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python $(PIP_INSTALL) --require-hashes -r requirements-audit.lock
	@touch $@

# While `make run` goes on in another terminal.
screenshots: install
	$(BIN)/python docs/take_screenshots.py

# Needs uv (https://docs.astral.sh/uv/): resolves for every platform and every Python from 3.11 on.
lock:
	$(LOCK) --extra dashboard pyproject.toml --output-file requirements.lock
	$(LOCK) --extra dev --constraints requirements.lock pyproject.toml --output-file requirements-dev.lock
	echo "hatchling>=1.27" | $(LOCK) - --constraints requirements-dev.lock --output-file requirements-build.lock
	printf '%s\n' 'cyclonedx-bom>=7.5' 'pip-audit>=2.10' | $(LOCK) - --constraints requirements-dev.lock --output-file requirements-audit.lock
	echo "tinybird; python_version < '3.14'" | $(LOCK) - --output-file requirements-tinybird.lock

clean:
	rm -rf .venv .venv-audit .venv-lowest .venv-tinybird .local
