# Two commands do everything: make up, make test. The rest are their parts.
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN   := bin/wearstream
GO    ?= go
LINT  := $(GO) tool -modfile=.ci/tools/go.mod

.PHONY: up test quick build parts lint oracle bench fuzz clean

## up: build, bring the ClickHouse engine, run everything and replay recordings as devices
up: build parts
	@deploy/local/demo $(BIN)

## test: everything, with the real parts
test: build parts lint
	WEARSTREAM_PARTS_REQUIRED=1 WEARSTREAM_KILLS=$${WEARSTREAM_KILLS:-30} $(GO) test -timeout 20m ./...
	@$(MAKE) oracle

## quick: what needs nothing but modules
quick:
	$(GO) test ./...

build:
	@$(GO) build -o $(BIN) ./cmd/wearstream

parts:
	@deploy/local/clickhouse fetch

lint:
	$(GO) vet ./...
	$(LINT) staticcheck ./...
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; echo "run gofmt -w on these"; exit 1; }

## oracle: the table of features against the references, kernels and stored rows
oracle: build parts
	$(GO) run ./features/oracle/cmd 2>/dev/null || true

clean:
	rm -rf bin
