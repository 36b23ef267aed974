# Two commands do everything: make up, make test. The rest are their parts.
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN   := bin/wearstream
GO    ?= go
LINT  := $(GO) tool -modfile=.ci/tools/go.mod

.PHONY: up test quick build parts lint audit oracle bench bench-numpy versus fuzz clean

## up: build, bring the ClickHouse engine, run everything and replay recordings as devices
up: build parts
	@deploy/local/demo $(BIN)

## test: everything, with the real parts
test: build parts lint audit
	GO=$(GO) deploy/local/suite

## quick: what needs nothing but modules
quick:
	$(GO) test ./...

build:
	@command -v $(GO) >/dev/null || { echo "go is missing: install Go 1.26 or later"; exit 1; }
	@$(GO) build -o $(BIN) ./cmd/wearstream

parts:
	@deploy/local/clickhouse fetch

lint:
	$(GO) vet ./...
	$(LINT) staticcheck ./...
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo "run gofmt -w on these"; exit 1; }

## audit: known weaknesses of what the program links
audit:
	GO=$(GO) .ci/audit

## oracle: the tables of features, wear, pairs and calibration against the references: kernels, files and stored rows. ORACLE_DIR and RECORDINGS_DIR: of other folders
oracle: parts
	TEST_ORACLE_REQUIRED=1 $(GO) test -count=1 -v -skip 'TestBeside|TestOtherFolders' ./features/oracle
	TEST_ORACLE_REQUIRED=1 WEARSTREAM_PARTS_REQUIRED=1 $(GO) test -count=1 -v -run TestOracle ./cmd/wearstream

## bench: ns/sample of the kernels, hours/s of files, samples/s end to end
bench: parts
	$(GO) test -run '^$$' -bench . -benchmem ./features ./stream/wire ./stream/device ./stream/batch ./gateway/mqtt
	WEARSTREAM_PARTS_REQUIRED=1 TEST_DEVICES=200 $(GO) test -count=1 -v -run 'TestDevicesAtOnce' ./cmd/wearstream
	@$(MAKE) bench-numpy

## bench-numpy: core.v1 and ref.v1 of a day beside the same in numpy and scipy, ns/sample
bench-numpy:
	@deploy/local/numpy fetch
	WEARSTREAM_PARTS_REQUIRED=1 TEST_HOURS=24 $(GO) test -count=1 -v -run 'TestBeside' ./features/oracle

## versus: the gateway against Mosquitto and Telegraf, and the processor, on a Kafka of its own; see loadtest/versus
versus: build
	$(GO) run ./loadtest/versus -out loadtest/versus/results.md

## fuzz: every parser for a minute
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-1m} $$pkg || exit 1; \
		done; \
	done

clean:
	rm -rf bin
