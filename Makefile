# What a developer of Penny says. `make run` and `make test` set up what is missing themselves.

PYTHON := .venv/bin/python
SETUP := .venv/installed node_modules/.installed

.DEFAULT_GOAL := build
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup build core snapshot run serve test test-core test-python test-browser \
	lint models bench wheel clean

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

# ---- set-up --------------------------------------------------------------------------------------

setup:           ## install what is missing: system packages, .venv, node_modules
	scripts/setup

$(SETUP) &: pyproject.toml package.json package-lock.json scripts/setup
	scripts/setup
	@touch $(SETUP)

# ---- the core: C to WebAssembly ------------------------------------------------------------------

CORE := penny/wasm_core/core.wasm
LAYOUT := web/penny/layout.js
OBJECTS := $(patsubst penny/wasm_core/%.c,build/core/%.o,$(wildcard penny/wasm_core/*.c))

# Freestanding: no libc and no JavaScript runtime, only the shared memory. See docs/architecture.md.
CORE_CFLAGS := -O3 -std=c11 -Wall -Wextra -Werror -ffreestanding \
	-matomics -mbulk-memory -mmutable-globals -msign-ext

# In bytes. The first is what the module itself needs to start; every instance imports a memory that
# JavaScript has made, of at least the first and at most the second.
CORE_INITIAL_MEMORY := 1048576
CORE_MAX_MEMORY := 4294967296
CORE_LDFLAGS := --no-entry --import-memory --shared-memory --export=__stack_pointer \
	--initial-memory=$(CORE_INITIAL_MEMORY) --max-memory=$(CORE_MAX_MEMORY)

# Modules of kernels: position-independent, their static data initialised by the first instance.
# See docs/kernels-abi.md.
KERNEL_CFLAGS := -O3 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -Ipenny/wasm_core/include \
	-matomics -mbulk-memory -mmutable-globals -msign-ext -msimd128
KERNEL_LDFLAGS := -shared --experimental-pic --no-entry --import-memory --shared-memory \
	--max-memory=$(CORE_MAX_MEMORY)

core: $(CORE) $(LAYOUT)   ## compile penny/wasm_core to core.wasm

build/core/%.o: penny/wasm_core/%.c Makefile | $(SETUP)
	@mkdir -p $(@D)
	emcc $(CORE_CFLAGS) -MMD -c $< -o $@

$(CORE): $(OBJECTS) Makefile scripts/wasm-ld
	scripts/wasm-ld $(CORE_LDFLAGS) $(OBJECTS) -o $@

$(LAYOUT): $(CORE) scripts/layout.mjs
	node scripts/layout.mjs $(CORE) $@

-include $(OBJECTS:.o=.d)

# ---- building and running ------------------------------------------------------------------------

build: core snapshot      ## the core and the memory snapshot

# Its file lies in the user's cache, under a name made of all that goes into it: nothing for make.
snapshot: core            ## the memory snapshot that workers start from
	@.venv/bin/penny snapshot >/dev/null

run: build                ## the main job: index the standard library, in a headless browser
	.venv/bin/penny run examples/stdlib_index.py

serve: build              ## the playground, for your own browser
	.venv/bin/penny serve

# ---- checks --------------------------------------------------------------------------------------

test: build lint models test-core test-python test-browser  ## everything that CI checks

test-core: core           ## the core in Node's threads
	node --test --test-reporter=spec tests/core/*.test.mjs

test-python: core         ## what runs on CPython
	$(PYTHON) -m pytest tests/python

test-browser: build       ## everything else, in headless Chromium
	$(PYTHON) -m pytest tests/browser

lint: core                ## style and types, Python and JavaScript
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy penny
	npx --no-install tsc -p .

models: $(SETUP)          ## the Promela models of the protocols
	models/check

build/benchmarks/fib.o: benchmarks/core/fib.c penny/wasm_core/shared.h penny/wasm_core/platform.h Makefile
	@mkdir -p $(@D)
	emcc $(CORE_CFLAGS) -c $< -o $@

build/benchmarks/fib.wasm: build/benchmarks/fib.o $(OBJECTS)
	scripts/wasm-ld $(CORE_LDFLAGS) $^ -o $@

build/benchmarks/kernels.o: benchmarks/kernels/kernels.c penny/wasm_core/include/penny.h Makefile
	@mkdir -p $(@D)
	emcc $(KERNEL_CFLAGS) -c $< -o $@

build/benchmarks/kernels.wasm: build/benchmarks/kernels.o Makefile scripts/wasm-ld
	scripts/wasm-ld $(KERNEL_LDFLAGS) $< -o $@

bench: build              ## the figures, into benchmarks/latest.json
	$(PYTHON) benchmarks/run.py

# ---- packages ------------------------------------------------------------------------------------

wheel: core               ## dist/penny-<version>-py3-none-any.whl
	$(PYTHON) -m build --wheel

clean:                    ## remove what was built; .venv and node_modules stay
	rm -rf build dist $(CORE) $(LAYOUT)
