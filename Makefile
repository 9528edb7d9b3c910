# Pocketflare's tasks; `make help` lists them. Each one first makes what it needs, so `make dev` is enough on a fresh clone.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# go.mod names the Go to build with; an installed Go from 1.21 on fetches it. "auto" also where the system says "local".
export GOTOOLCHAIN := auto
# wrangler and the tests need a newer Node than many systems have: it comes with the other packages.
NODE := node_modules/.bin/node
WRANGLER := $(NODE) node_modules/wrangler/bin/wrangler.js
PACKAGES := node_modules/.installed
PORT ?= 8787

POCKETBASE := github.com/pocketbase/pocketbase
WASM_BUILD := GOOS=js GOARCH=wasm go build -tags no_default_driver,no_ui -trimpath -buildvcs=false -ldflags="-s -w"

.PHONY: help
help: ## list the tasks
	@echo "Usage: make <task>"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-10s %s\n", $$1, $$2 }'

.PHONY: dev
dev: $(PACKAGES) build ## serve http://localhost:8787 with local D1 and R2; rebuild and reload on changes (PORT=8787)
	@exec $(NODE) scripts/dev.mjs --port $(PORT)

.PHONY: build
build: build/app.wasm build/wasm_exec.js admin-ui/_/index.html ## build the Worker: build/app.wasm, build/wasm_exec.js, admin-ui/_

.PHONY: test
test: $(PACKAGES) build build/example.wasm ## run every test: go vet, go test, and those in workerd
	go vet ./...
	go test ./...
	$(NODE) --test --test-concurrency=1 "test/**/*.test.mjs"

.PHONY: bench
bench: $(PACKAGES) build ## compare with stock PocketBase and a bare Worker
	$(NODE) scripts/bench/bench.mjs

.PHONY: deploy
deploy: $(PACKAGES) build ## build and deploy to Cloudflare
	@./scripts/check-deploy.sh
	$(WRANGLER) deploy

.PHONY: clean
clean: ## remove what make has built; node_modules and local data stay
	rm -rf build admin-ui/_ test/artifacts

# Go itself knows best whether a program is out of date (embedded files, build tags, dependencies), so it is always asked;
# it leaves a program that is not as it is. The copy appears whole, for the server that reads it meanwhile.
.PHONY: always
always:

build/go/app.wasm: always
	@$(WASM_BUILD) -o $@ .

build/go/example.wasm: always
	@$(WASM_BUILD) -o $@ ./test/example

build/%.wasm: build/go/%.wasm
	@cp $< $@.new && mv $@.new $@
	@echo "built $@"

build/wasm_exec.js: go.mod
	@mkdir -p build
	@cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $@.new && chmod u+w $@.new && mv $@.new $@
	@touch $@

admin-ui/_/index.html: go.mod scripts/copy-admin-ui.sh
	@./scripts/copy-admin-ui.sh

$(PACKAGES): package.json pnpm-lock.yaml pnpm-workspace.yaml
	@./scripts/install.sh
	@touch $@
