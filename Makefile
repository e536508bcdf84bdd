# minirun: every task a person or the CI runs is a target here; "make help" lists them.

VERSION   ?= 0.1.0-dev
PREFIX    ?= /usr/local
DESTDIR   ?=
GO        ?= go
TIMEOUT   ?= 30m
# Arguments that go to the benchmark or to the test commands: make bench BENCHFLAGS='-n 50 -only run'
BENCHFLAGS ?=
TESTFLAGS ?=
CLIENTSFLAGS ?=

BINDIR  = $(DESTDIR)$(PREFIX)/bin
SHARE   = $(DESTDIR)$(PREFIX)/share
MANDIR  = $(SHARE)/man/man8
BINARY  = bin/minirun
# The commit comes from git where there is a repository, and is empty in a tarball.
COMMIT ?= $(shell git describe --always --dirty --abbrev=12 --match=nothing 2>/dev/null)
# The version of the runtime specification is the one of the module the types come from.
SPEC    = $(shell sed -n 's|.*opencontainers/runtime-spec v\([0-9.]*\).*|\1|p' go.mod)
STAMP   = -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.spec=$(SPEC)

# With cgo (libseccomp) the C linker is needed; without it Go's own does everything. Either way the result is static.
# musl starts faster than glibc (see tests/tools/musl/cc); STATIC_CC=gcc takes glibc. All this is asked late, when deps
# has installed the compilers.
CGO       = $(shell CGO_ENABLED=$(CGO_ENABLED) $(GO) env CGO_ENABLED)
LINK      = $(if $(filter 1,$(CGO)),-linkmode=external -extldflags=-static)
STATIC_CC = $(if $(shell command -v musl-gcc),$(CURDIR)/tests/tools/musl/cc,gcc)
TAGS      = netgo,osusergo
LDFLAGS   = -s -w $(LINK) $(STAMP)

# Root is needed to make containers. The tests are compiled by the calling user, and only run as root.
ifneq ($(shell id -u),0)
ASROOT   = sudo env PATH="$$PATH"
TESTEXEC = -exec 'sudo env PATH="$(PATH)" MINIRUN="$(CURDIR)/$(BINARY)"'
endif

.DEFAULT_GOAL := build
.PHONY: deps build demo test test-unit test-integration test-differential test-vm test-clients test-clients-vm bench bench-clients bench-cgroups lint init verify-init man install uninstall clean help

deps: ## install what is missing for building and testing (Debian packages; fast when nothing is)
	@tests/tools/deps build test

build: deps ## build the static binary bin/minirun
	CC=$(STATIC_CC) $(GO) build -trimpath -buildvcs=false -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BINARY) ./cmd/minirun

$(BINARY):
	$(MAKE) build

demo: build ## run a busybox container that prints its ids and mounts, and remove everything again
	$(ASROOT) tests/tools/demo $(CURDIR)/$(BINARY)

test: test-unit test-integration test-differential ## run the unit, the integration and the differential tests

test-unit: deps ## run the tests that need neither root nor network
	$(GO) run ./tests/tools/gotest -timeout $(TIMEOUT) $(TESTFLAGS) ./...

test-integration: build ## run the tests that make containers, as root (compiled by the caller, run through sudo)
	criu=$$(tests/tools/criu) && PATH="$${criu:+$$criu:}$$PATH" \
	MINIRUN=$(CURDIR)/$(BINARY) $(GO) run ./tests/tools/gotest -progress -tags integration -count=1 -p 1 \
		-timeout $(TIMEOUT) $(TESTEXEC) $(TESTFLAGS) ./...

test-differential: deps ## compare the cgroups with those of another library, as root (a module of its own)
	GOWORK=off $(GO) run ./tests/tools/gotest -C tests/differential $$(tests/tools/modcopy) -tags integration -count=1 -timeout $(TIMEOUT) $(TESTEXEC) $(TESTFLAGS) .

test-vm: build ## run the integration tests on pure cgroup v2 in a small virtual machine, and those of systemd under systemd
	@tests/tools/deps vm
	$(ASROOT) tests/vm/integration
	$(ASROOT) tests/vm/integration --systemd --package tests/integration -- -run TestSystemd
	$(ASROOT) tests/vm/integration --systemd --layout v1 --package tests/integration -- -run TestSystemd

test-clients: build ## run Docker, containerd (also as Kubernetes does), Podman and Buildah on minirun, and on runc to compare
	@tests/tools/deps clients
	GOWORK=off $(GO) build -C tests/clients/cri -trimpath -buildvcs=false -o $(CURDIR)/bin/cri .
	$(ASROOT) tests/clients/run

test-clients-vm: build ## the same on pure cgroup v2 with systemd's cgroups and AppArmor, in virtual machines (CLIENTSFLAGS=--ci: a short list)
	@tests/tools/deps vm
	GOWORK=off $(GO) build -C tests/clients/cri -trimpath -buildvcs=false -o $(CURDIR)/bin/cri .
	$(ASROOT) tests/vm/clients $(CLIENTSFLAGS)

bench: build ## measure minirun beside runc and crun (BENCHFLAGS='-n 100 -only run,exec')
	$(GO) build -buildvcs=false -o bin/bench ./tests/bench
	$(ASROOT) bin/bench -minirun $(CURDIR)/$(BINARY) -cc $(STATIC_CC) $(BENCHFLAGS)

bench-clients: build ## measure docker, ctr and podman with minirun, runc and crun, and the runtime's part of it (BENCHFLAGS='-n 50')
	@tests/tools/deps clients
	$(GO) build -buildvcs=false -o bin/bench ./tests/bench
	$(ASROOT) tests/clients/bench $(BENCHFLAGS)

bench-cgroups: deps ## measure the making and removing of a cgroup beside two other libraries, as root
	GOWORK=off $(GO) test -C tests/differential $$(tests/tools/modcopy) $(TESTEXEC) -tags integration -count=1 -v -run TestSystemCalls -bench Life -benchtime 500x .

lint: deps ## check format, vet, staticcheck, shellcheck, imports, and the warnings of the C compilers
	@tests/tools/checks
	@if [ -e nsenter/init/Makefile ]; then $(MAKE) --no-print-directory -C nsenter/init lint; fi

init: deps ## rebuild the in-container init, nsenter/init/bin/init.{amd64,arm64}
	$(MAKE) -C nsenter/init

verify-init: deps ## rebuild the init elsewhere and compare it with the committed one
	$(MAKE) -C nsenter/init verify

man: $(BINARY) ## write the manual pages to bin/man, from the table of commands
	rm -rf bin/man
	$(BINARY) man bin/man

install: $(BINARY) man ## install program, manual pages and shell completion below DESTDIR and PREFIX (/usr/local)
	install -D -m 0755 $(BINARY) $(BINDIR)/minirun
	install -d $(MANDIR)
	install -m 0644 bin/man/*.8 $(MANDIR)
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	$(BINARY) completion bash >$(SHARE)/bash-completion/completions/minirun
	$(BINARY) completion zsh >$(SHARE)/zsh/site-functions/_minirun
	$(BINARY) completion fish >$(SHARE)/fish/vendor_completions.d/minirun.fish

uninstall: ## remove what install put there
	rm -f $(BINDIR)/minirun $(MANDIR)/minirun.8 $(MANDIR)/minirun-*.8
	rm -f $(SHARE)/bash-completion/completions/minirun $(SHARE)/zsh/site-functions/_minirun $(SHARE)/fish/vendor_completions.d/minirun.fish

clean: ## remove what was built here (the committed init stays)
	rm -rf bin .cache go.work go.work.sum

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
