# Two commands need nothing but python3 (>= 3.11), make and git: `make demo` and `make test`.
# Paths are relative and tools run as modules, so that a checkout in a folder with a space in its name works.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
DEMO   ?=

.PHONY: demo test envtest explore soak bench bench-quick lint docs data fresh clean
demo: $(STAMP)
	@$(PY) -m kubernaut demo $(DEMO)

# One worker for each core; the tests of a file stay together, because some files share one server.
test: $(STAMP)
	@$(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

# For longer than `make test` does it: leader election under random partitions and pauses, and every scenario of exploration.
explore: $(STAMP)
	@KUBERNAUT_EXPLORE=10000 $(PY) -m pytest -n auto --dist loadfile \
		tests/reconcile/election/test_exploration.py tests/reconcile/election/test_exploration_managers.py \
		$$(find tests/remediation -name "test_exploration*.py") tests/exploration \
		tests/remediation/test_many_requests.py tests/audit/test_killed_database.py $(ARGS)

# The reconcilers' suites on a real API server: KUBEBUILDER_ASSETS names the folder of etcd, kube-apiserver and kube-controller-manager.
SUITES ?= $$(grep -rlE "cluster: (Cluster|FakeCluster)" tests/reconcile tests/remediation tests/examples examples)
envtest: $(STAMP)
	@$(PY) -m pytest --cluster=envtest $(ARGS) $(SUITES)

# Ten minutes of changes; memory, tasks, sockets and lag must not grow. Against the real server where KUBEBUILDER_ASSETS is set.
soak: $(STAMP)
	@$(PY) tools/soak.py $(ARGS)

# Ratios against peers, in turns, in at most a quarter of an hour; kopf comes from PyPI, controller-runtime where there is
# a Go toolchain. Writes benchmarks/RESULTS.md; ARGS="sync burst" measures some rows only, and writes nothing.
bench: $(STAMP)
	@$(PY) -m benchmarks $(ARGS)

# Two minutes: what became worse since benchmarks/quick.json was written (ARGS=--update writes it). Never fails.
bench-quick: $(STAMP)
	@$(PY) -m benchmarks.guard $(ARGS)

lint: $(STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()'

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

# What is made out of Kubernetes' OpenAPI definitions (the development dependency kubernetes-validate).
data: $(STAMP)
	@$(PY) tools/make_openapi_data.py
	@PYTHONPATH=. $(PY) tools/make_models.py

# What CI does: everything again from nothing, in a clone that has only what is committed.
fresh:
	@bash tools/fresh.sh

clean:
	@rm -rf $(VENV) .venv-bench site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(STAMP): pyproject.toml tools/venv.sh
	@bash tools/venv.sh "$(PYTHON)" "$(VENV)"
	@touch $(STAMP)
