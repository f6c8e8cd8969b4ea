# `make study` runs the study, `make report` shows it, `make test` tests it. Each sets up what is
# missing.
.PHONY: study try report dag test test-databases test-slurm lint audit clean
.DELETE_ON_ERROR:

# uv where it is found; otherwise pip puts it into the environment that it then fills.
UV := $(or $(shell command -v uv 2>/dev/null),.venv/bin/uv)
# TensorFlow's CUDA libraries where an NVIDIA driver is found.
EXTRA := $(if $(shell command -v nvidia-smi 2>/dev/null),--extra gpu)

# A study of your own: make study CONFIG=mine.yaml
CONFIGFILE := $(if $(CONFIG),--configfile $(CONFIG))
CORES ?= 1
# A live view on a terminal; elsewhere one line when a job begins and one when it ends.
SNAKEMAKE := PYTHONPATH=.:workflow/plugins .venv/bin/snakemake --logger nasturtium

study: .venv/.synced
	@$(if $(CONFIG),.venv/bin/python -m nasturtium.settings.check $(CONFIG))
	@start=$$(date +%s); \
	$(SNAKEMAKE) --cores $(CORES) --resources gpu=1 $(CONFIGFILE) && \
	echo "The study took $$(($$(date +%s) - start)) s. Which net to take: results/index.html"

# A first look: one data set, one ratio, no controls, short trainings.
try: .venv/.synced
	@$(MAKE) --no-print-directory study CONFIG=config/try.yaml

# One file that needs no network: figures, tables, configuration, versions, machine. If a part of
# the study failed, it has the rest and says what is missing.
report: .venv/.synced
	@status=0; $(MAKE) --no-print-directory study || status=$$?; \
	if [ -e results/index.html ]; then \
	.venv/bin/snakemake --cores 1 $(CONFIGFILE) --report report.html || exit 1; \
	echo "Open report.html in a browser."; fi; exit $$status

# The jobs of the study as a picture; as Mermaid text if graphviz is not installed.
dag: .venv/.synced
	@if command -v dot >/dev/null; then \
	.venv/bin/snakemake --rulegraph dot 2>/dev/null | dot -Tsvg > dag.svg && echo "Open dag.svg."; \
	else .venv/bin/snakemake --rulegraph mermaid-js 2>/dev/null > dag.mmd && \
	echo "graphviz is not installed; dag.mmd is for a Mermaid viewer."; fi

# Two processes; shared fixtures of a test file are made once in each.
test: .venv/.synced
	.venv/bin/python -m pytest -n 2 --dist loadscope

# The tests start servers of Debian's postgresql, mariadb-server and redis-server.
test-databases: .venv/.synced
	$(UV) sync --locked --inexact --extra databases $(EXTRA)
	.venv/bin/python -m pytest -m databases -rs

# The tests start a Slurm: as root, with Debian's slurmctld, slurmd, slurm-client and munge.
test-slurm: .venv/.synced
	$(UV) sync --locked --inexact --extra slurm $(EXTRA)
	.venv/bin/python -m pytest -m slurm -rs

lint: .venv/.synced
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/snakemake --lint

# Not part of .ci/run: its result changes without a change here, and it asks PyPI.
audit: .venv/.synced
	$(UV) tool run pip-audit --path .venv/lib/python3.*/site-packages

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
