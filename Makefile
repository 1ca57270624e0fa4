# Everything the project does, one word each. A target makes what it needs first; a second run is instant.
# Written for GNU make 3.81 and later, which is what macOS has.

BIN := .venv/bin

.PHONY: venv lint test test-node demo demo-headless bench wire charts crds lock clean

venv: .venv/made-dev                   ## .venv with everything in it

.venv/made-dev: pyproject.toml .ci/bootstrap
	sh .ci/bootstrap venv
	@touch $@

.venv/made-bench: .venv/made-dev       ## what the benchmarks compare with
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@

.venv/made-chromium: .venv/made-dev    ## for tests/browser; without it they are skipped and counted
	sh .ci/bootstrap chromium
	@touch $@

lint: .venv/made-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: .venv/made-chromium lint
	$(BIN)/python -m pytest

test-node: .venv/made-chromium         ## on a cluster that runs pods; tests/node/README.md says what it needs
	@began=$$(date +%s); $(BIN)/python -m pytest tests/node; ended=$$?; \
	    echo "make test-node took $$(($$(date +%s) - began)) s"; exit $$ended

demo: .venv/made-dev                   ## JupyterLab on notebooks/, open on a running flow
	$(BIN)/tinyflow demo

demo-headless: .venv/made-dev          ## the same notebook without a browser, asked 200 times over HTTP
	$(BIN)/tinyflow demo --headless

bench: .venv/made-bench
	$(BIN)/python -m benchmarks

wire: .venv/made-dev                   ## after a change of module.proto
	sh .ci/protocol

charts: .venv/made-dev                 ## after a change of a chart: tables of values, and the default rendering
	$(BIN)/python tests/charts/write.py

crds: .venv/made-dev                   ## after a change of a custom resource
	$(BIN)/tinyflow crds print --write charts/tinyflow-crds

lock: .venv/made-dev                   ## after a change of what an image needs; and now and then, for what is newer
	$(BIN)/python -m pip install --quiet --group lock
	for image in wheel runtime operator; do \
	    UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	        --generate-hashes --no-annotate --group $$image-image --output-file images/$$image/requirements.txt || exit; \
	done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
