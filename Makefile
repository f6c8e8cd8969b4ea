# Two commands: `make study` runs the study, `make test` its tests. Both set up what is missing.
.PHONY: study test lint clean
.DELETE_ON_ERROR:

# uv where it is found; otherwise pip puts it into the environment that it then fills.
UV := $(or $(shell command -v uv 2>/dev/null),.venv/bin/uv)
# TensorFlow's CUDA libraries where an NVIDIA driver is found.
EXTRA := $(if $(shell command -v nvidia-smi 2>/dev/null),--extra gpu)

study: .venv/.synced
	@start=$$(date +%s); \
	.venv/bin/snakemake --cores 1 --resources gpu=1 && \
	echo "The study took $$(($$(date +%s) - start)) s."

test: .venv/.synced
	.venv/bin/python -m pytest

lint: .venv/.synced
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/snakemake --lint

clean:
	rm -rf results logs state

# Bytecode is compiled once here: TensorFlow's thousands of modules otherwise cost every job seconds
# where Python may not write it. Inexact, so that a uv in the environment stays.
.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --inexact --compile-bytecode $(EXTRA)
	@touch $@

.venv/bin/uv:
	python3 -m venv .venv
	.venv/bin/pip install --quiet uv
