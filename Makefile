# The two commands of the README do everything: make run, make test. `make help` lists the others.
.DEFAULT_GOAL := help
.PHONY: help run run-one build test check lint format bench compare fuzz sweeps steps races clean
MAKEFLAGS += --no-print-directory

DATA_DIR ?= data
KAFKA ?= 127.0.0.1:9092
HTTP ?= 127.0.0.1:8080
# Which steps of elections and changes of the ISR make steps disturbs, and how many processes share them.
STEPS ?= all
JOBS ?= $(shell nproc)
# The three brokers of make run.
CLUSTER_DIR ?= data/cluster
CLUSTER_KAFKA ?= 127.0.0.1:9092,127.0.0.1:9093,127.0.0.1:9094
CLUSTER_HTTP ?= 127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
ARGS ?=

help: ## this list
	@echo 'make run      install what is missing, build, start three brokers, publish to them and read (ARGS="--kill-every 10s")'
	@echo 'make run-one  the same with one broker alone (DATA_DIR=$(DATA_DIR) KAFKA=$(KAFKA) HTTP=$(HTTP))'
	@echo 'make test     install what is missing, then all tests and checks'
	@echo 'make build    leaves the program at build/release/godwit'
	@echo 'make check    format, layer order, headers, purity, no sleeping tests, clang-tidy on changed files'
	@echo 'make lint     the same, clang-tidy on all files'
	@echo 'make format   writes all C++ as clang-format-16 has it'
	@echo 'make bench    measures (ARGS=… are handed on); docs/benchmarks.md says what and how'
	@echo 'make compare  asks Apache Kafka and godwit the same, and compares the answers'
	@echo 'make fuzz     every fuzzer for FUZZ_SECONDS (default 10), and whether each finds a bug that is put there for it'
	@echo 'make sweeps   storage, crashed at every write and sync in every way (minutes; make test takes the ways in turn)'
	@echo 'make steps    three simulated brokers, disturbed at each step of an election and of an ISR change (hours; STEPS=500: so many of each)'
	@echo 'make races    clusters of brokers that ThreadSanitizer watches, while they are killed, hung, rolled and moved (half an hour)'
	@echo 'make clean    removes build/'

# Says in words what is not there yet, rather than failing in the middle of something else.
define need
	@test -e $(1) || { echo 'make $@: $(2)' >&2; exit 1; }
endef

build:
	$(call need,src/app/CMakeLists.txt,there is no program yet: src/app does not exist. "make test" builds and tests the modules that do.)
	@scripts/setup.sh build
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target godwit
	@test -x build/release/godwit || { echo 'make build: the build did not leave build/release/godwit' >&2; exit 1; }

# The brokers need a program that keeps their common state: etcd, from Debian as well.
run: build
	@scripts/setup.sh run
	@exec build/release/godwit demo --data-dir '$(CLUSTER_DIR)' --kafka '$(CLUSTER_KAFKA)' --http '$(CLUSTER_HTTP)' $(ARGS)

run-one: build
	@echo
	@echo 'godwit serves Kafka clients at $(KAFKA), HTTP at $(HTTP); its data is in $(DATA_DIR)/. Ctrl-C ends it.'
	@echo '  publish:    echo hello | kcat -P -b $(KAFKA) -t greetings'
	@echo '  subscribe:  kcat -C -b $(KAFKA) -t greetings'
	@echo '  or, with nothing but godwit:'
	@echo '  publish:    echo hello | build/release/godwit produce greetings --brokers $(KAFKA)'
	@echo '  subscribe:  build/release/godwit consume greetings --from beginning --brokers $(KAFKA)'
	@echo
	@exec build/release/godwit serve --data-dir '$(DATA_DIR)' --kafka '$(KAFKA)' --http '$(HTTP)' $(ARGS)

test:
	@scripts/test.sh $(STAGES)

check:
	@scripts/setup.sh test
	@scripts/check/check.py

lint:
	@scripts/setup.sh test
	@scripts/check/check.py --all-files

format:
	@git ls-files -co --exclude-standard -- '*.h' '*.cpp' | xargs -r clang-format-16 -i

bench:
	$(call need,bench/run,there is nothing to measure yet: bench/run does not exist.)
	@scripts/setup.sh test
	@bench/run $(ARGS)

compare:
	$(call need,tests/compare/run,there is nothing to compare yet: tests/compare/run does not exist.)
	@scripts/setup.sh test
	@tests/compare/run --with-kafka $(ARGS)

fuzz:
	@scripts/test.sh setup fuzz

# All tests of storage, so that no sweep is left out.
sweeps:
	@scripts/setup.sh test
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target storage_test
	@seq 0 $$(($(JOBS) - 1)) | GODWIT_SWEEP_ALL=1 GTEST_TOTAL_SHARDS=$(JOBS) xargs -P $(JOBS) -I '{}' \
	  env GTEST_SHARD_INDEX='{}' build/release/src/storage/storage_test --gtest_brief=1

# Each test is a fault, and the tests are dealt out to the processes.
steps:
	@scripts/setup.sh test
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target broker_test
	@seq 0 $$(($(JOBS) - 1)) | GODWIT_STEPS='$(STEPS)' GTEST_TOTAL_SHARDS=$(JOBS) xargs -P $(JOBS) -I '{}' \
	  env GTEST_SHARD_INDEX='{}' build/release/src/broker/broker_test --gtest_filter='ClusterSim*Steps.*' --gtest_brief=1

# Slower by ten or so, so that a scenario's patience may end: what counts is that nothing is told of a race.
races:
	@scripts/setup.sh test
	@scripts/races.sh $(ARGS)

clean:
	@rm -rf build
