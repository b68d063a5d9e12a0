# Everything a person or CI types. `make help` lists it.

GO      ?= go
BIN     := bin
SPEED   ?= 1000
# Packages whose code runs in several goroutines: tested again with the race detector.
RACE    := ./edge/... ./hub/broker/... ./hub/link/... ./hub/live/... ./hub/order/... ./hub/app/... ./firmware-sim/... ./internal/...

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the three programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./hub ./edge ./firmware-sim

.PHONY: demo
demo: build ## run one delivery date of a simulated fleet; DEMO_EXIT=1 ends after the summary
	$(BIN)/firmware-sim demo --hub-binary $(BIN)/hub --network deploy/sample --speed $(SPEED) $(if $(DEMO_EXIT),--exit)

.PHONY: needs
needs: ## install what the tests need beyond Go (PostgreSQL, Mosquitto, Chromium)
	@.ci/needs

.PHONY: test
test: needs ## run every test
	$(GO) test ./...

.PHONY: race
race: needs
	$(GO) test -race $(RACE)

.PHONY: lint
lint: ## format, vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod verify

.PHONY: cross
cross: ## build the edge agent for the boards it runs on
	CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7 $(GO) build -trimpath -ldflags='-s -w' -o $(BIN)/edge-linux-arm ./edge
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build -trimpath -ldflags='-s -w' -o $(BIN)/edge-linux-arm64 ./edge
	@ls -l $(BIN)/edge-linux-*

.PHONY: check
check: lint test race cross ## all that CI checks
	$(MAKE) demo DEMO_EXIT=1

.PHONY: bench
bench: needs ## run the benchmarks; each prints a ratio to something measured in the same run
	$(GO) test -run '^$$' -bench . -benchtime 2s $$($(GO) list ./... | grep -v /e2e)

.PHONY: fuzz
fuzz: ## fuzz each decoder and parser for FUZZTIME
	@.ci/fuzz $(or $(FUZZTIME),20s)

.PHONY: clean
clean: ## remove what was built, and the demo's data
	rm -rf $(BIN) demo
