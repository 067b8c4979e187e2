# callflowd: `make help` lists what can be made. Go and make are all that is
# needed; Go fetches the modules and, if it is older than go.mod asks for, its
# own toolchain.

GO       ?= go
BIN      ?= bin/callflowd
PKGS     ?= ./...
RUN      ?= .
FUZZTIME ?= 20s
STRESS   ?= 30s
SOAK     ?= 30m
RING     ?= 5m
ACCOUNTS ?= 1000
CALLFLOWS ?= 100

# What make mutants mutates: a package, or package:files of it (a regular
# expression on their names without .go) where the whole would take hours.
MUTANTS  ?= pkg/collation pkg/couchlite/revtree pkg/reserve pkg/save pkg/callflow:merge|resolve pkg/document:merge pkg/pcre pkg/auth \
            pkg/couchlite/store:edit|seq|list|writer pkg/route/pattern pkg/route/index pkg/route/analysis pkg/route:guard|journal|read
GREMLINS := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0

# The race detector needs cgo and a C compiler; without them the tests run
# without it, and say so.
CC_FOUND := $(shell command -v $$($(GO) env CC) 2>/dev/null)
RACE     := $(if $(and $(filter 1,$(shell $(GO) env CGO_ENABLED)),$(CC_FOUND)),-race)

.DEFAULT_GOAL := help
.PHONY: help build run test race check fmt lint vuln bench scale gobench cover e2e fuzz mutants stress faults large soak docs clean replicate ring

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

build: ## build the static binary bin/callflowd
	CGO_ENABLED=0 $(GO) build -o $(BIN) ./cmd/callflowd

run: build ## build, start on embedded storage in ./callflowd-data, print a curl line to try (ARGS='--listen …')
	@exec $(BIN) serve $(ARGS)

# The longest tests of the program as a whole are left to make e2e: with the
# race detector they would take three times as long. RUN, if given, runs them.
LONG := ^TestE2E(BenchCompare|BenchScale|Kill|ImportKilled|NoticeAfterKill|NoticesKeepANodeFresh|NoticesOfNumbersAndDatabases|SitesKilled|Namespaces|FightForNumbers|PatchOneCallflow|LookupsWhileStorageHangs)$$
SKIP := $(if $(filter .,$(RUN)),-skip '$(LONG)')

test: ## every test that needs no service, but for the longest of make e2e (RUN=NAME, those of that name); COUCHDB_URL=http://user:pw@host:5984 takes that server instead of couchlite
	@echo 'testing every package, two to five minutes; each says ok when it is through'
	$(GO) test -timeout 45m -run '$(RUN)' $(SKIP) $(PKGS)

race: ## the same tests with the race detector, three times as long
	@$(if $(RACE),:,echo 'no C compiler or no cgo: running without the race detector')
	$(GO) test $(RACE) -timeout 45m -run '$(RUN)' $(SKIP) $(PKGS)

check: fmt lint vuln test ## formatting, vet, staticcheck, known vulnerabilities, then the tests

fmt:
	@out=$$($(GO) tool gofumpt -l .); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	@echo 'gofumpt: clean'

lint:
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)

# govulncheck exits 3 when it has found something; any other failure before a
# finding means that its database could not be reached.
vuln:
	@out=$$($(GO) tool govulncheck $(PKGS) 2>&1); code=$$?; \
	case $$code in \
	0) echo 'govulncheck: nothing found' ;; \
	3) echo "$$out"; exit 1 ;; \
	*) if echo "$$out" | grep -Eq 'dial tcp|lookup |connection refused|i/o timeout|context deadline|HTTP GET|proxyconnect|EOF|no such host|status code'; \
	   then echo 'govulncheck: SKIPPED, its database cannot be reached from here:'; echo "$$out" | tail -n 1; \
	   else echo "$$out"; exit 1; fi ;; \
	esac

bench: build ## this program beside CouchDB, bare mux and others, one table; COUCHDB_URL=… adds that server (ARGS='--only lookup …')
	$(BIN) bench compare $(ARGS)

scale: build ## how the program grows with the number of accounts; COUCHDB_URL=… adds that server (ARGS='--accounts 10,100')
	$(BIN) bench scale $(ARGS)

gobench: ## the Go benchmarks, with allocations
	$(GO) test -run '^$$' -bench '$(RUN)' -benchmem -timeout 30m $(PKGS)

cover: ## statement coverage of all packages together, into cover.out
	$(GO) test -timeout 15m -coverpkg=./... -coverprofile=cover.out $(PKGS)
	@$(GO) tool cover -func=cover.out | tail -n 1

e2e: ## the program as a whole, with what make test leaves out: a business account in over HTTP, routes out, restarts, kill -9
	$(GO) test -count=1 -timeout 45m -v -run 'E2E' ./cmd/callflowd

fuzz: ## every fuzz target for FUZZTIME each (default 20s)
	@for pkg in $$($(GO) list $(PKGS)); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "== $$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

mutants: ## mutation tests, one package after the other, hours for all; PKGS=pkg/collation or 'pkg/callflow:merge|resolve' for some
	@for entry in $(foreach m,$(if $(filter ./...,$(PKGS)),$(MUTANTS),$(PKGS)),'$(m)'); do \
	  pkg=$${entry%%:*}; files=; skip=; \
	  case $$entry in *:*) files=$${entry#*:} ;; esac; \
	  if [ -n "$$files" ]; then \
	    for f in $$(cd $$pkg && ls *.go | grep -v _test.go | grep -Ev "^($$files)\.go$$"); do skip="$$skip -E (^|/)$${f%.go}[.]go$$"; done; \
	  fi; \
	  echo "== $$entry"; \
	  nice -n 10 $(GO) run $(GREMLINS) unleash --workers 1 --test-cpu 1 --timeout-coefficient 15 -S lt $$skip ./$${pkg#./} || exit 1; \
	done

stress: ## many writers, faulty storage and killed processes, for STRESS each (default 30s); 10,000 accounts with 1,024 descriptors
	STRESS=$(STRESS) $(GO) test $(RACE) -count=1 -timeout 30m -run 'ManyWriters|FaultyStorage|E2EFight|E2EPatchOne' ./pkg/callflow ./cmd/callflowd
	COUCHLITE_CROWD_ACCOUNTS=10000 COUCHLITE_CROWD_LIMIT=1024 $(GO) test -count=1 -timeout 30m -v -run TestFewDescriptors ./pkg/couchlite

replicate: ## copy 100,000 documents with flat memory, 50 MB attachments, 10,000 documents over a line that is cut (REPLICATION_DOCS=…)
	REPLICATION_BIG=1 REPLICATION_DOCS=$(or $(REPLICATION_DOCS),100000) $(GO) test -count=1 -timeout 60m -v ./pkg/replication/...

ring: ## three sites in a ring edit at random for RING (default 5m) over lines that are cut: none may lose an edit
	REPLICATION_RING=$(RING) $(GO) test -count=1 -timeout 24h -v -run '^TestRing$$' ./pkg/replication/replicator

faults: ## storage, network, clients and processes that fail, one table; COUCHDB_URL=… takes that server (FAULTS_TABLE=FILE keeps the table)
	FAULTS=1 $(GO) test -count=1 -timeout 60m -v -run '^TestE2EFaults$$' ./cmd/callflowd
	COUCHLITE_CROWD_ACCOUNTS=10000 COUCHLITE_CROWD_LIMIT=1024 $(GO) test -count=1 -timeout 30m -v -run TestFewDescriptors ./pkg/couchlite

large: ## the doctor on 2,000 accounts, impact beside brute force over numbers of six digits, 10,000 callflows out and in
	CALLFLOWD_DOCTOR_ACCOUNTS=2000 $(GO) test -count=1 -timeout 60m -v -run '^TestDoctorFindsPlantedFaults$$' ./pkg/doctor
	CALLFLOWD_IMPACT_DRAFTS=200 CALLFLOWD_IMPACT_DIGITS=6 $(GO) test -count=1 -timeout 60m -v -run '^TestAgreesWithBruteForce$$' ./pkg/route/impact
	CALLFLOWD_TRANSFER_CALLFLOWS=10000 $(GO) test -count=1 -timeout 60m -v -run '^TestRoundTrip$$' ./cmd/callflowd

soak: ## mixed load with a fault every ten seconds, for SOAK (default 30m), on ACCOUNTS with CALLFLOWS each (1000, 100)
	SOAK=$(SOAK) ACCOUNTS=$(ACCOUNTS) CALLFLOWS=$(CALLFLOWS) $(GO) test -count=1 -timeout 24h -v -run '^TestE2ESoak$$' ./cmd/callflowd

docs: ## draw the picture in README from testdata
	$(GO) test ./pkg/draw -count=1 -run TestDocsPicture -update

clean: ## remove what was built; the data directory stays
	rm -rf bin cover.out
