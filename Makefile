# Everything a person or CI types. `make help` lists it.

GO      ?= go
BIN     := bin
SPEED   ?= 1000
# Packages whose code runs in several goroutines: tested again with the race detector.
RACE    := ./edge/... ./hub/admission/... ./hub/backup/... ./hub/broker/... ./hub/pki/... ./hub/link/... ./hub/live/... ./hub/order/... ./hub/payment/... ./hub/app/... ./firmware-sim/... ./internal/...

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the three programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ ./hub ./edge ./firmware-sim

.PHONY: wiring
wiring: ## make the wiring pages of deploy/kits again
	for kit in deploy/kits/*.yaml; do $(GO) run ./edge wiring $$kit --out deploy/wiring || exit 1; done

.PHONY: demo
demo: build ## run one delivery date of a simulated fleet; DEMO_EXIT=1 ends after the summary
	$(BIN)/firmware-sim demo --hub-binary $(BIN)/hub --network deploy/sample --speed $(SPEED) $(if $(DEMO_EXIT),--exit)

.PHONY: needs
needs: ## install what the tests need beyond Go (PostgreSQL, Mosquitto, Chromium)
	@.ci/needs

.PHONY: test
test: needs ## run every test
	$(GO) test -timeout 25m $$($(GO) list ./... | grep -v '/internal/e2e$$')
	$(GO) test ./internal/e2e # whole days of real programs against a fast clock: with nothing else beside them

.PHONY: race
race: needs
	$(GO) test -race -timeout 25m $$($(GO) list $(RACE) | grep -v /e2e/fuzzapi) # which asks one thing after the other

# What runs on the boards, as far as it needs no board and no broker.
ARM := ./protocol ./edge/log ./edge/station ./edge/scanner ./edge/warehouse ./internal/rental ./edge/driver ./edge/monitor ./edge/phrase ./edge/device/... ./internal/gs1 ./internal/clock

.PHONY: arm
arm: needs ## run the edge's unit and crash tests as 32-bit ARM programs, under qemu
	MEGURI_EMULATOR=qemu-arm CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7 $(GO) test -short -exec qemu-arm $(ARM)

.PHONY: chaos
KILLS ?= 200
HOLD ?= 10s
chaos: needs ## real processes killed, held, cut off and starved while people scan; KILLS=n HOLD=d
	$(GO) test ./internal/e2e/chaos -count 1 -v -timeout 30m -kills $(KILLS) -hold $(HOLD)

.PHONY: load
load: needs ## what a hub takes from 1,000 and from 10,000 devices over MQTT with TLS, with SQLite and with PostgreSQL
	$(GO) test ./internal/e2e/load -count 1 -v -devices 1000 -records 10 -events 20
	$(GO) test ./internal/e2e/load -count 1 -v -devices 1000 -records 10 -events 20 -postgres
	$(GO) test ./internal/e2e/load -count 1 -v -devices 10000 -records 5 -events 5 -event-rate 1000
	$(GO) test ./internal/e2e/load -count 1 -v -devices 10000 -records 5 -events 5 -event-rate 1000 -postgres

.PHONY: fuzz-api
fuzz-api: ## ask a running hub REQUESTS times what its OpenAPI document has, rightly and wrongly, as everybody; FROM is the first seed
	$(GO) test ./internal/e2e/fuzzapi -count 1 -v -timeout 300m -requests $(or $(REQUESTS),100000) -seed $(or $(FROM),1)

.PHONY: scan
scan: ## attack a hub on loopback with sqlmap, slowhttptest and sslscan, which it installs; fails on what they find
	@.ci/scanners
	$(GO) test ./internal/e2e/fuzzapi -run Scanners -count 1 -v -timeout 120m -scan

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
check: lint test race cross arm ## all that CI checks
	$(MAKE) chaos KILLS=200 HOLD=2s
	$(MAKE) sim SEEDS=80
	$(MAKE) demo DEMO_EXIT=1

.PHONY: bench
bench: needs ## run the benchmarks; each prints a ratio to something measured in the same run
	$(GO) test -run '^$$' -bench . -benchtime 2s $$($(GO) list ./... | grep -v /e2e)

.PHONY: bench-check
bench-check: ## check a million future order items: seconds, memory, and how many times reading the same rows
	$(GO) test ./hub/storetest -run '^$$' -bench BenchmarkCheck -benchtime 1x -timeout 30m
.PHONY: bench-orders
bench-orders: needs ## orders a second: ours beside row locks in PostgreSQL, on both engines, with what bounds ours; ONLY=regexp for some
	$(GO) test ./hub/order -run '^TestBenchOrders$$' -count 1 -v -timeout 60m -orders -only '$(ONLY)'

.PHONY: bench-backup
bench-backup: needs ## a year of the data set's demand, imported, backed up while others write, restored and compared, on both engines, with times
	$(GO) test ./hub -run '^TestABackupTakenWhileOthersWrite' -count 1 -v -timeout 60m -bench-backup

.PHONY: sim
sim: ## run SEEDS seeds of the whole system with faults, on fake time; FROM is the first
	$(GO) run ./internal/e2e/sim/simrun seeds -n $(or $(SEEDS),200) -from $(or $(FROM),1)

.PHONY: sim-doors
sim-doors: ## doors: GRANTS grants at locks that are cut off, and PICKUPS pickups among attackers; prints what came of them; FROM is the first seed
	$(GO) test ./edge/station -run 'TestNoGrantOpensBeyond|TestAttackersGet' -count 1 -v -timeout 60m -grants $(or $(GRANTS),1000000) -pickups $(or $(PICKUPS),10000) -simseed $(or $(FROM),1)

.PHONY: sim-pickups
sim-pickups: ## the whole system with crowds at its doors, attackers and faults among them: CROWDS days of about 85 pickups; FROM is the first seed
	$(GO) test ./internal/e2e/sim -run 'OfACrowd' -count 1 -v -timeout 300m -crowds $(or $(CROWDS),120) -seed $(or $(FROM),1)

.PHONY: sim-warehouse
sim-warehouse: ## a rental warehouse of PIECES over DAYS days with SCANNERS people who slip; where each piece is, and what the hub says; FROM is the seed
	$(GO) test ./internal/e2e/garments -count 1 -v -timeout 300m -pieces $(or $(PIECES),10000) -days $(or $(DAYS),30) -scanners $(or $(SCANNERS),20) -keep $(or $(KEEP),30) -counts $(or $(COUNTS),20) -wseed $(or $(FROM),1)

.PHONY: cold
cold: ## the cold chain's rules against the heat of boxes and fridges; DRAW=DIR draws the cases
	$(GO) test ./internal/e2e/cold -count 1 -v -args $(if $(DRAW),-draw $(abspath $(DRAW)))

.PHONY: sim-bites
sim-bites: ## break the system on purpose, in each way that is known, and see that the simulator finds it
	$(GO) run ./internal/e2e/sim/simrun bites -n $(or $(SEEDS),40) $(BITES)

.PHONY: fuzz
fuzz: ## fuzz each decoder and parser for FUZZTIME
	@.ci/fuzz $(or $(FUZZTIME),20s)

.PHONY: clean
clean: ## remove what was built, and the demo's data
	rm -rf $(BIN) demo
