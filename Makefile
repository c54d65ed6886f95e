# What a developer of Penny says. `make run` and `make test` set up what is missing themselves.

PYTHON := .venv/bin/python
SETUP := .venv/installed node_modules/.installed
NPM := $(abspath build/npm)

.DEFAULT_GOAL := build
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup build core snapshot run examples serve test test-core test-native test-hosts-js test-python test-browser test-adapters test-embedding test-firefox test-hosts \
	stress stress-native stress-random stress-browser mutants soak soak-packages \
	lint models bench bundles wheel wheels npm clean

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
# What the two languages know of the core; layout.c is in no core.
LAYOUT := web/penny/core/layout.js penny/bridge/numbers.py
SOURCES := $(filter-out %/layout.c,$(wildcard penny/wasm_core/*.c penny/wasm_core/*/*.c))
HEADERS := $(wildcard penny/wasm_core/*.h penny/wasm_core/*/*.h)
OBJECTS := $(SOURCES:penny/wasm_core/%.c=build/core/%.o)

# Freestanding: no libc and no JavaScript runtime, only the shared memory. See docs/architecture.md.
CORE_CFLAGS := -O3 -std=c11 -Wall -Wextra -Werror -ffreestanding -Ipenny/wasm_core \
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

core: $(CORE) $(LAYOUT)   ## compile penny/wasm_core to core.wasm, and say its numbers to the other languages

build/core/%.o: penny/wasm_core/%.c Makefile | $(SETUP)
	@mkdir -p $(@D)
	emcc $(CORE_CFLAGS) -MMD -c $< -o $@

$(CORE): $(OBJECTS) Makefile scripts/wasm-ld
	scripts/wasm-ld $(CORE_LDFLAGS) $(OBJECTS) -o $@

build/layout.wasm: build/core/layout.o Makefile scripts/wasm-ld
	scripts/wasm-ld $(CORE_LDFLAGS) $< -o $@

$(LAYOUT) &: build/layout.wasm scripts/layout.mjs
	node scripts/layout.mjs $< $(LAYOUT)

-include $(OBJECTS:.o=.d) build/core/layout.d

# ---- building and running ------------------------------------------------------------------------

build: core bundles snapshot  ## the core, the bundled JavaScript and the memory snapshot

# The page's and the workers' JavaScript as one file each, for where no page of Penny's is: in the wheel. As few small
# ones, for sites. And what the playground has beside its own files: an editor, a kernel.
BUNDLES := web/bundled/embedded.js web/bundled/worker.js web/bundled/penny/page.js web/bundled/playground/editor.js
KERNELS := web/bundled/playground/kernels.zip

bundles: $(BUNDLES) $(KERNELS)  ## the JavaScript that the wheel starts from in a Pyodide that is already there

$(BUNDLES) &: $(LAYOUT) $(shell find web/penny -name '*.js') web/playground/editor.js scripts/bundle.mjs package-lock.json | $(SETUP)
	node scripts/bundle.mjs
	@touch $(BUNDLES)

$(KERNELS): examples/kernels/mandelbrot.wasm
	@mkdir -p $(@D)
	rm -f $@
	cd $(<D) && $(abspath $(PYTHON)) -m zipfile -c $(abspath $@) $(<F)

# Its file lies in the user's cache, under a name made of all that goes into it: nothing for make.
snapshot: core            ## the memory snapshot that workers start from
	@.venv/bin/penny snapshot >/dev/null

run: build                ## the main job: index the standard library, in a headless browser
	.venv/bin/penny run examples/stdlib_index.py

# Each script beside them is then run by `penny run`; mandelbrot.html is looked at by `penny serve`.
EXAMPLES := $(patsubst %.c,%.wasm,$(wildcard examples/kernels/*.c))

examples: $(EXAMPLES)     ## compile the kernels of examples/kernels

examples/kernels/%.wasm: examples/kernels/%.c penny/wasm_core/include/penny.h | $(SETUP)
	.venv/bin/penny kernel build $< -msimd128 -o $@

serve: build              ## the playground, for your own browser
	.venv/bin/penny serve

# What tests and benchmarks install in Pyodide, by pip's way for another platform.
WHEELS := build/wheels/.downloaded

wheels: $(WHEELS)         ## packages for Pyodide that tests and benchmarks use

$(WHEELS): tests/wheels.txt | $(SETUP)
	$(PYTHON) -m pip download --quiet --no-deps --only-binary=:all: --platform pyemscripten_2026_0_wasm32 \
		--python-version 3.14 --implementation cp --dest $(@D) --requirement $<
	@touch $@

# ---- checks --------------------------------------------------------------------------------------

test: build lint models test-core test-native test-python test-browser  ## what CI checks, but for pages of all kinds, Firefox and hosts of others

test-core: core $(NPM)/package.json  ## the core in Node's threads, and Penny there as a whole
	node --test --test-reporter=spec tests/node/*.test.mjs tests/node/*/*.test.mjs

test-hosts-js: core $(NPM)/package.json  ## workers killed at each stage, in Node's threads; PENNY_TEST_ENGINE=bun elsewhere
	$(PYTHON) -m pytest tests/hosts_js -s

test-python: core bundles ## what runs on CPython
	$(PYTHON) -m pytest -n 2 tests/python tests/conformance

test-browser: build wheels ## everything else, in headless Chromium
	$(PYTHON) -m pytest -n 2 --dist loadfile tests/browser -m "not stress and not embedding and not adapters"

test-adapters: build wheels ## libraries that run on Penny's workers, and their own tests, in headless Chromium: CI, too
	$(PYTHON) -m pytest -n 2 --dist loadfile tests/browser -m adapters

test-embedding: build wheels ## pages, headers, policies and apps of all kinds, in headless Chromium: CI, too
	$(PYTHON) -m pytest -n 2 --dist loadfile tests/browser -m embedding

test-firefox: build wheels ## the same in headless Firefox: CI, too
	PENNY_TEST_BROWSER=firefox $(PYTHON) -m pytest -n 2 --dist loadfile tests/browser -m "not stress"

# JupyterLite, PyScript, bundlers, other Pyodides: what of others Penny runs in, of pinned versions.
HOSTS := build/hosts
HOSTS_PINNED := $(addprefix tests/hosts/,package.json package-lock.json requirements.txt wheels.txt)

$(HOSTS)/.installed: $(HOSTS_PINNED) tests/hosts/install | $(SETUP)
	tests/hosts/install $(HOSTS)
	@touch $@

test-hosts: build $(HOSTS)/.installed  ## the same program in hosts that others have made, Chromium and Firefox: CI, too
	$(PYTHON) -m pytest -n 2 --dist loadfile tests/hosts

stress: stress-native mutants stress-random stress-browser  ## what takes long: not in CI

stress-random: core       ## property tests and fuzzing from other seeds than make test's
	HYPOTHESIS_PROFILE=explore $(PYTHON) -m pytest tests/python -k "properties or fuzz or random"
	PENNY_SEED=$$(date +%s) PENNY_FUZZ=200 node --test --test-reporter=spec tests/node/fuzz.test.mjs tests/node/tasks/client_random.test.mjs

stress-browser: build     ## random trees and faults, in headless Chromium
	PENNY_SEED=$${PENNY_SEED:-$$(date +%s)} $(PYTHON) -m pytest tests/browser -m "stress and not soak" -s

soak-packages: build wheels ## workers that start from a snapshot with packages, sixty of them
	$(PYTHON) -m pytest tests/browser/test_packages_snapshot_soak.py -m soak -s

soak: build               ## mixed load for MINUTES (10), then everything must be as before
	$(PYTHON) -m pytest tests/browser/test_soak.py -m soak -s

lint: core                ## style, types and imports, Python and JavaScript; and what may call what in C
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy penny
	.venv/bin/lint-imports importlinter.toml --no-logo
	npx --no-install tsc -p .
	npx --no-install tsc -p tsconfig.rooms.json
	npx --no-install depcruise --config dependency-cruiser.cjs --output-type err web
	$(PYTHON) scripts/core_floors.py emnm $(OBJECTS)

# ---- the core, native ----------------------------------------------------------------------------

# The core's own files with tests/native, as a program: once for each sanitizer, with threads, and once
# without, whose actors take turns. See tests/native/native.h. For the last one the tables are made small in a
# copy: a recovery looks at 64 slots instead of 16384, so more of its steps meet what others do.
NATIVE_TESTS := $(patsubst %.c,%.o,$(wildcard tests/native/*.c tests/native/*/*.c))
NATIVE_SMALL := 's/TASKS = 16384,/TASKS = 64,/; s/TASK_BITS = 14,/TASK_BITS = 6,/; \
	s/FUNCTIONS = 8192,/FUNCTIONS = 16,/; s/ARRAYS = 8192,/ARRAYS = 32,/; s/INJECTOR_CELLS = 32768,/INJECTOR_CELLS = 128,/; \
	s/DEQUE_ENTRIES = 4096,/DEQUE_ENTRIES = 64,/; s/RING_EVENTS = 32768,/RING_EVENTS = 16,/; \
	s/LOG_EVENTS = 1048576,/LOG_EVENTS = 1024,/; s/FUNCTION_NAMES = 4096,/FUNCTION_NAMES = 8,/; \
	s/COPY_EVENTS = 256,/COPY_EVENTS = 12,/'
NATIVE_SMALL_LANES := 's/PENNY_LANE = 512 /PENNY_LANE = 16 /'
NATIVE_CFLAGS := -std=c11 -g -Wall -Wextra -Werror -Wno-int-to-pointer-cast -Wno-pointer-to-int-cast \
	-Itests/native
NATIVE_FLAVOURS := interleave thread address
NATIVE_interleave := -O2 -DSMALL -Ibuild/native/small
NATIVE_thread := -O1 -fsanitize=thread -Ipenny/wasm_core
NATIVE_address := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -Ipenny/wasm_core
mutants: export NATIVE_CFLAGS := $(NATIVE_CFLAGS)
mutants: export NATIVE_INTERLEAVE := $(NATIVE_interleave)

define NATIVE_FLAVOUR
build/native/$(1)/tests/native/%.o: tests/native/%.c Makefile | build/native/small/sizes.h
	@mkdir -p $$(@D)
	$$(CC) $$(NATIVE_CFLAGS) $$(NATIVE_$(1)) -MMD -c $$< -o $$@
build/native/$(1)/core/%.o: $(if $(filter interleave,$(1)),build/native/small,penny/wasm_core)/%.c Makefile \
		| build/native/small/sizes.h
	@mkdir -p $$(@D)
	$$(CC) $$(NATIVE_CFLAGS) $$(NATIVE_$(1)) -MMD -c $$< -o $$@
build/native/$(1)/play: $$(NATIVE_TESTS:%=build/native/$(1)/%) \
		$$(SOURCES:penny/wasm_core/%.c=build/native/$(1)/core/%.o)
	$$(CC) $$(NATIVE_$(1)) $$^ -o $$@ -lpthread
-include $$(wildcard build/native/$(1)/core/*/*.d build/native/$(1)/tests/native/*.d build/native/$(1)/tests/native/*/*.d)
endef
$(foreach flavour,$(NATIVE_FLAVOURS),$(eval $(call NATIVE_FLAVOUR,$(flavour))))

build/native/small/%.c: penny/wasm_core/%.c
	@mkdir -p $(@D)
	cp $< $@
build/native/small/sizes.h: $(HEADERS) Makefile
	@mkdir -p $(@D)
	cd penny/wasm_core && cp --parents $(HEADERS:penny/wasm_core/%=%) $(abspath $(@D))
	sed $(NATIVE_SMALL_LANES) penny/wasm_core/include/penny.h >$(@D)/include/penny.h
	sed $(NATIVE_SMALL) penny/wasm_core/sizes.h >$@

# ThreadSanitizer of older compilers knows few places where the kernel may put a program. Where that choice
# can be turned off it is.
FIXED = $(shell setarch -R true 2>/dev/null && echo setarch -R)

NATIVE := $(NATIVE_FLAVOURS:%=build/native/%/play)

test-native: $(NATIVE)    ## the core as a native program, a small share, under the sanitizers
	build/native/interleave/play interleave
	$(FIXED) build/native/thread/play threads --part 4
	build/native/address/play threads --part 2

stress-native: $(NATIVE)  ## much of it: millions of operations
	build/native/interleave/play interleave --times 100 --seed 1000
	$(FIXED) build/native/thread/play threads --times 10 --seed 1000
	build/native/address/play threads --times 30 --seed 1000

mutants: build/native/interleave/play  ## each known mistake in the core is caught
	$(PYTHON) tests/native/mutants.py

models: $(SETUP)          ## the Promela models of the protocols
	models/check

build/benchmarks/fib.o: benchmarks/core/fib.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	emcc $(CORE_CFLAGS) -c $< -o $@

build/benchmarks/fib.wasm: build/benchmarks/fib.o $(OBJECTS)
	scripts/wasm-ld $(CORE_LDFLAGS) $^ -o $@

BENCHMARK_KERNELS := $(patsubst %,build/benchmarks/kernels/%.o,kernels quicksort uts)

build/benchmarks/kernels/%.o: benchmarks/kernels/%.c Makefile
	@mkdir -p $(@D)
	emcc $(KERNEL_CFLAGS) -MMD -c $< -o $@

-include $(BENCHMARK_KERNELS:.o=.d)

build/benchmarks/kernels.wasm: $(BENCHMARK_KERNELS) Makefile scripts/wasm-ld
	scripts/wasm-ld $(KERNEL_LDFLAGS) $(BENCHMARK_KERNELS) -o $@

# Linked without Emscripten's optimisers of JavaScript, for which Debian has no acorn; the code is optimised before.
build/benchmarks/pthreads_fib.js: benchmarks/kernels/pthreads_fib.c Makefile
	@mkdir -p $(@D)
	emcc -O3 -Wall -Wextra -Werror -pthread -c $< -o $(@:.js=.o)
	emcc -O1 -g1 -pthread -sPTHREAD_POOL_SIZE=1 $(@:.js=.o) -o $@

bench: build              ## measure all figures: benchmarks/RESULTS.md, plots, raw results, history
	$(PYTHON) benchmarks/run.py

# ---- packages ------------------------------------------------------------------------------------

wheel: core bundles       ## dist/penny_runtime-<version>-py3-none-any.whl, for PyPI
	$(PYTHON) -m build --wheel

DIST := $(abspath dist)

npm: core bundles         ## dist/penny-runtime-<version>.tgz, for npm
	rm -rf $(NPM)
	$(MAKE) $(NPM)/package.json
	mkdir -p $(DIST)
	npx --no-install tsc -p tsconfig.npm.json --outDir $(NPM)/types
	cd $(DIST) && npm pack --silent $(NPM)

# All of it but the types: what is tested in Node.
$(NPM)/package.json: $(BUNDLES) $(CORE) $(shell find web/npm -type f) $(shell find penny -name '*.py')
	mkdir -p $(@D)/python
	$(PYTHON) -m penny.cli.prose $(@D)/python/python.zip
	node scripts/bundle.mjs npm $(@D)/python/python.zip $(@D)
	rm -r $(@D)/python

clean:                    ## remove what was built; .venv and node_modules stay
	rm -rf build dist web/bundled $(CORE) $(LAYOUT)
