# Targets for people. `make help` lists them.

LINT_VERSION := v2.15.0
FUZZ_TIME    := 200000x
HOURS        := 8
GOBIN        := $(or $(shell go env GOBIN),$(shell go env GOPATH)/bin)
LINT         := $(GOBIN)/golangci-lint

.PHONY: help build run cluster test race lint fmt fuzz kill prove soak mutants faults compat clients upstream bench cover docs libraries ci clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

build: ## Build ./lockd, a static binary
	CGO_ENABLED=0 go build -trimpath -o lockd .

run: ## Start a lock server on 127.0.0.1:6380, as `go run .`
	go run .

cluster: ## Start a cluster of three on this machine, ports 6381 to 6383, until Ctrl-C
	bash packaging/dev-cluster.sh

test: ## Run all tests that need nothing but Go
	go test ./...

race: ## Run them with the race detector
	go test -race -timeout 15m ./...

fmt: ## Format the code
	gofmt -w $$(git ls-files '*.go')

lint: ## Run the linter, installing the pinned version first where it is missing
	@$(LINT) version 2>/dev/null | grep -qF 'version $(LINT_VERSION:v%=%)' || \
		go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	$(LINT) run --allow-parallel-runners ./...

fuzz: ## Run each fuzz test for FUZZ_TIME (200000x: so many tries)
	@git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/func //' | while IFS=: read -r file name; do \
		echo "--- $$(dirname $$file) $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZ_TIME) ./$$(dirname $$file) || exit 1; \
	done

kill: ## kill -9 a server 1,000 times, looking for every acknowledged lock after each restart
	LOCKD_KILLS=1000 go test -count=1 -timeout 2h -v -run '^TestKilledAfterOK$$' ./server

prove: ## Show in minutes that the promises hold under faults, and write a page of it (root for real processes)
	go run ./sim/prove

soak: ## The same for HOURS hours (8)
	go run ./sim/prove -soak $(HOURS)h

mutants: ## Break lockd on purpose in many ways, one at a time: the proof must notice each
	go test -count=1 -tags mutants -timeout 60m -v ./sim/mutants

faults: ## Kill, stop, cut off and replace nodes of real clusters under load (root and iproute2 for the network)
	LOCKD_FAULTS=1 go test -count=1 -timeout 15m -v ./sim/real

compat: ## Compare with a live redis-server 7.0.15, and run the lock libraries of six languages (Debian, root)
	LOCKD_COMPAT_LIVE=1 LOCKD_LIBRARIES=all go test -count=1 -timeout 30m ./compat_test
	bash compat_test/upstream/run.sh lockd

clients: ## Run the clients of other languages against lockd
	bash compat_test/clients/run.sh

upstream: ## Run the test suite of Redis 7.0.15 against lockd (curl and tclsh)
	bash compat_test/upstream/redis-suite.sh

bench: ## Measure against a Redis that syncs each command to disk
	go run ./bench

cover: ## Measure which lines the tests reach, into cover.html
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -n 1
	go tool cover -html=cover.out -o cover.html

docs: ## Write anew what is made from tables: docs/commands.md, docs/configuration.md, part of the README
	go test -count=1 -run '^TestDocs$$' . -update
	go test -count=1 -run Differences ./compat_test -update

libraries: ## Write docs/compatibility.md anew from a run of the lock libraries
	LOCKD_LIBRARIES=all go test -count=1 -timeout 30m -run '^TestLibraries$$' ./compat_test -update

ci: ## Run what CI runs
	bash .ci/run

clean: ## Remove what building, testing and running left here, but not ./lockd-data
	rm -f lockd cover.out cover.html *.test *.prof
