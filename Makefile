# Two commands do everything on a fresh machine: make demo, make test. Both build the virtual environment .venv.
PYTHON ?= python3
BIN := .venv/bin

# Directory of the study that `make paper` runs, and that the tables and figures of the paper are made of.
STUDY ?= runs/paper
PAPER := $(addprefix paper-table-,1 2 3 4 5 6 7) $(addprefix paper-figure-,1 2 3 5)

.PHONY: demo paper $(PAPER) test speed test-long test-page torture full-disk fuzz test-nnunet test-torchio2 test-ray test-remote test-lowest docs wheel format clean

demo: .venv/installed
	$(BIN)/robustq stress --noise gaussian --levels 0,1,10,20,30

# Hours, on a GPU: the paper's setting. TRAIN and TEST are what --data takes; SET replaces entries of the file.
paper: .venv/installed
	$(BIN)/robustq study benchmarks/paper/paper.toml --out $(STUDY) \
		--set 'data.train="$(TRAIN)"' --set 'data.test=["$(TRAIN)", "$(TEST)"]' $(SET)

# One table or figure of the paper beside ours. With TRAIN and TEST, `make paper` runs or continues first; without them,
# STUDY is the directory of any study. OPTIONS are those of benchmarks/paper/reproduce.py, such as --as NIH=montgomery.
$(PAPER): .venv/installed
	$(if $(TRAIN),$(MAKE) paper)
	$(BIN)/python benchmarks/paper/reproduce.py $(@:paper-%=%) --study $(STUDY) $(OPTIONS)

test: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

# Minutes: coverage of the bootstrap interval by simulation, the notebooks in a kernel, a training in two processes, and
# pages followed word by word in a fresh environment.
test-long: .venv/installed-test
	$(BIN)/python -m pip install --quiet --editable '.[notebooks,accelerate]'
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup -m long

# Half an hour on a quiet machine: every figure on speed, against other libraries; writes benchmarks/speed/RESULTS.md.
speed: .venv/installed-test
	$(BIN)/python -m pip install --quiet --no-deps torchattacks tqdm requests
	$(BIN)/python benchmarks/speed/run_all.py

# Opens pages in the Chromium of the system (apt-get install chromium), driven by Playwright's client.
test-page: .venv/installed-test
	$(BIN)/python -m pip install --quiet 'playwright>=1.48' axe-playwright-python
	OMP_NUM_THREADS=1 $(BIN)/pytest -m page tests/page

# Hours: commands that are killed at random moments and given again end with the files of one that nobody killed.
torture: .venv/installed-test
	$(BIN)/python benchmarks/torture.py

# Half an hour, on Linux as root: commands whose disk is full after any ten kilobytes, or after any file, continue.
full-disk: .venv/installed-test
	$(BIN)/python benchmarks/full_disk.py
	$(BIN)/python benchmarks/full_disk.py --inodes

# Ten minutes: options and files of any content are read or refused. atheris is there for few versions of Python.
fuzz: .venv-fuzz/installed
	PYTHONPATH=tests/helpers .venv-fuzz/bin/python benchmarks/fuzz.py

# nnU-Net asks for an older timm, so its tests have an environment of their own.
test-nnunet: .venv-nnunet/installed
	OMP_NUM_THREADS=1 .venv-nnunet/bin/pytest -m "" -k nnunet tests/plugins/robustq_nnunet tests/network/test_every_architecture.py

# TorchIO 2 is a pre-release, and its transforms differ: built-in perturbations must not.
test-torchio2: .venv-torchio2/installed
	OMP_NUM_THREADS=1 .venv-torchio2/bin/pytest tests/plugins/robustq_torchio tests/request/test_names.py tests/data tests/draws
	OMP_NUM_THREADS=1 .venv-torchio2/bin/pytest -k "perturbation or torchio" tests/testing

# The documentation site, in build/site. Warnings are errors, and so are links that lead nowhere.
docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# A wheel that can be published: checked, then installed into an empty environment and used there.
wheel: .venv/installed-test
	$(BIN)/python -m pip install --quiet 'twine>=6'
	rm -rf dist build/empty
	$(BIN)/python -m hatchling build -t wheel -d dist
	$(BIN)/python -m twine check --strict dist/*.whl
	$(PYTHON) -m venv build/empty
	build/empty/bin/python -m pip install --quiet dist/*.whl
	cd build/empty && bin/robustq stress --data phantom:domain=A,first=500,cases=3 --draws 2 --out run

# Ray is large, so the tests of its executor have an environment of their own.
test-ray: .venv-ray/installed
	OMP_NUM_THREADS=1 .venv-ray/bin/pytest -m "" tests/plugins/robustq_ray
	OMP_NUM_THREADS=1 .venv-ray/bin/pytest -k executor tests/testing/test_every_item.py

# Run directories on S3: a server of moto's on this machine plays the store.
test-remote: .venv-remote/installed
	OMP_NUM_THREADS=1 .venv-remote/bin/pytest -m "" tests/storage tests/run/test_object_stores.py

# The lowest versions that pyproject.toml allows. Warnings are no errors here: old libraries warn of each other.
test-lowest: .venv-lowest/installed
	OMP_NUM_THREADS=1 .venv-lowest/bin/pytest -n 2 -W default tests/request tests/data tests/testing tests/test_registry.py \
		tests/cli/test_commands.py tests/run/test_stress.py tests/training/test_train.py tests/results/test_page.py

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-nnunet .venv-torchio2 .venv-ray .venv-remote .venv-lowest .venv-fuzz build dist

$(BIN)/python:
	$(PYTHON) -m venv .venv

# Entry points are read from the installed metadata, so a new item needs a new install.
.venv/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/installed

.venv/installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ .venv/installed

.venv-nnunet/installed: pyproject.toml
	$(PYTHON) -m venv .venv-nnunet
	.venv-nnunet/bin/python -m pip install --quiet --editable '.[test,nnunet]'
	touch $@

.venv-torchio2/installed: pyproject.toml
	$(PYTHON) -m venv .venv-torchio2
	.venv-torchio2/bin/python -m pip install --quiet --editable '.[test]' 'torchio==2.0.0a2'
	touch $@

.venv-ray/installed: pyproject.toml
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/python -m pip install --quiet --editable '.[test,ray]'
	touch $@

.venv-remote/installed: pyproject.toml
	$(PYTHON) -m venv .venv-remote
	.venv-remote/bin/python -m pip install --quiet --editable '.[test,remote]' s3fs 'moto[server]>=5'
	touch $@

.venv-fuzz/installed: pyproject.toml
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --editable '.[test]' 'atheris>=3'
	touch $@

.venv-lowest/installed: pyproject.toml
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		--editable '.[test]'
	touch $@
