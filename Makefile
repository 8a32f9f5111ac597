# Two commands matter: `make demo` and `make test`. Both need only Python 3.11+ and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
export ORT_DISABLE_TELEMETRY := 1
export PIP_ROOT_USER_ACTION := ignore

SECONDS ?= 60
SEED ?= 0

.PHONY: demo test test-slow fuzz test-arm64 test-armhf test-webgpu lint types build benchmark peers engines microcontroller libraries calibration nab scaling soak accuracy docs starter starter-table clean

demo: $(VENV)/ready                       ## train, export and stream, first the sine, then a real series
	$(BIN)/edgeseq demo -o demo

test: $(VENV)/ready                       ## all tests but the slow ones: a process for each core, which takes file after file
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

test-slow: $(VENV)/ready                  ## the slow ones
	$(BIN)/python -m pytest -m "slow and not arm64 and not armhf and not webgpu" -n auto --dist worksteal

test-arm64: $(VENV)/ready                 ## real arm64 code on an emulated ARM computer; skipped where that cannot be had
	$(BIN)/python -m pytest -m arm64

test-armhf: $(VENV)/ready                 ## the same on one of 32 bits, with Debian's onnxruntime 1.21
	$(BIN)/python -m pytest -m armhf

test-webgpu: $(VENV)/ready                ## a plug-in provider on an emulated graphics card; likewise
	$(BIN)/python -m pytest -m webgpu

fuzz: $(VENV)/ready                       ## every reader of bytes, for a minute; others: make fuzz SEED=7 SECONDS=600 TARGET=snapshot
	$(BIN)/python -m tests.fuzz --seed $(SEED) --seconds $(SECONDS) --target "$(TARGET)"

lint: $(VENV)/ready                       ## style, and the layers: what may import what
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYTHONPATH=. $(BIN)/lint-imports --no-logo

types: $(VENV)/ready
	$(BIN)/mypy

build: $(VENV)/ready                      ## wheel and sdist in dist/
	rm -f dist/*.whl dist/*.tar.gz
	$(BIN)/python -m build --outdir dist

benchmark: $(VENV)/ready                  ## a model's speed and memory, and what a line costs through predict: ten minutes
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.speed.judgement_costs
	$(BIN)/python -m benchmarks.speed.line_to_line

accuracy: $(VENV)/ready                   ## the accuracy figures of docs/benchmarks.md, ten minutes; with ETTh1: make accuracy ETTH1=ETTh1.csv
	$(BIN)/python -m benchmarks.accuracy $(if $(ETTH1),--etth1 "$(ETTH1)") $(if $(JSON),--json "$(JSON)")

starter: $(VENV)/ready                    ## train the network for any sensor, half an hour; goes on where it was interrupted: docs/starter.md
	$(BIN)/python -m edgeseq.starter $(or $(FOLDER),starter-run) --seed $(SEED) $(if $(STEPS),--steps $(STEPS))

starter-table: .venv-libraries/ready .venv-libraries/node_modules/skaters/index.mjs  ## it on real series, beside others: make starter-table SERIES="FOLDER ETTh1.csv" JSON=starter.json; JSON has what is known already
	.venv-libraries/bin/python -m benchmarks.starter $(foreach path,$(SERIES),--series "$(path)") $(if $(JSON),--json "$(JSON)")

peers: .venv-peers/ready                  ## beside other engines, two minutes: docs/peers.md
	.venv-peers/bin/python -m benchmarks.peers $(if $(JSON),--json "$(JSON)") $(if $(PLOT),--plot "$(PLOT)")

engines: .venv-peers/ready                ## every kind of model file on every engine that reads ONNX: docs/engines.md
	.venv-peers/bin/python -m benchmarks.peers.loading $(if $(JSON),--json "$(JSON)")

microcontroller: .venv-peers/ready        ## flash, memory and instructions of exported C: docs/microcontroller.md
	.venv-peers/bin/python -m benchmarks.microcontroller $(if $(JSON),--json "$(JSON)")

libraries: .venv-libraries/ready          ## beside forecasting libraries: make libraries ETTH1=ETTh1.csv NAB=FOLDER JSON=libraries.json; JSON has what is known already
	.venv-libraries/bin/python -m benchmarks.libraries $(if $(ETTH1),--etth1 "$(ETTH1)") $(if $(NAB),--folder "$(NAB)") \
	    $(if $(JSON),--json "$(JSON)")

calibration: .venv-detectors/ready        ## false alarms on normal series, and how soon what is planted is found: make calibration ETTH1=ETTh1.csv JSON=calibration.json
	.venv-detectors/bin/python -m benchmarks.anomalies.calibration $(if $(ETTH1),--etth1 "$(ETTH1)") $(if $(JSON),--json "$(JSON)")

nab: $(VENV)/ready                        ## the Numenta Anomaly Benchmark, on its files: make nab NAB=FOLDER JSON=nab.json; JSON has what is known already
	$(BIN)/python -m benchmarks.anomalies.nab --folder "$(NAB)" $(if $(JSON),--json "$(JSON)") $(if $(MODELS),--models "$(MODELS)")

scaling: $(VENV)/ready                    ## time and memory by streams and size, ten minutes: docs/scaling.md
	$(BIN)/python -m benchmarks.scaling $(if $(JSON),--json "$(JSON)") $(if $(PLOT),--plot "$(PLOT)")

messages: $(VENV)/ready                   ## messages a second over MQTT, some minutes; needs mosquitto: docs/benchmarks.md
	$(BIN)/python -m benchmarks.messages $(if $(JSON),--json "$(JSON)")

docs: .venv-docs/ready                    ## the documentation as a site that opens offline, in dist/site
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs build --strict

soak: $(VENV)/ready                       ## ten million samples with faults in them, some minutes
	$(BIN)/python -m benchmarks.soak

clean:
	rm -rf $(VENV) .venv-peers .venv-docs .venv-libraries .venv-detectors dist demo

# The environment: made once, made anew when what it is made from changes.
$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "edgeseq needs Python 3.11 or newer; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,cpu]'
	touch $@

.venv-peers/ready: pyproject.toml constraints-peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-peers.txt -e '.[export,cpu]' \
	    ai-edge-litert emlearn emx-onnx-cgen executorch matplotlib mnn ncnn openvino pnnx torch tract
	touch $@

.venv-docs/ready: constraints-docs.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-docs.txt mkdocs-material 'mkdocstrings[python]' ruff
	touch $@

.venv-libraries/ready: pyproject.toml constraints-libraries.txt
	$(PYTHON) -m venv .venv-libraries
	.venv-libraries/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-libraries.txt \
	    -e '.[train,cpu]' neuralforecast statsforecast lightgbm
	touch $@

.venv-libraries/node_modules/skaters/index.mjs: .venv-libraries/ready
	-npm install --silent --no-save --prefix .venv-libraries skaters@0.16.0  # without it that forecaster is left out

.venv-detectors/ready: pyproject.toml constraints-detectors.txt
	$(PYTHON) -m venv .venv-detectors
	.venv-detectors/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-detectors.txt -e '.[train,cpu]' river
	touch $@
