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

# What PocketBase leaves out: the SQLite driver, for D1 takes its place, and the admin UI, which Workers Assets serve.
TAGS := -tags no_default_driver,no_ui
WASM_BUILD := GOOS=js GOARCH=wasm go build $(TAGS) -trimpath -buildvcs=false -ldflags="-s -w"

.PHONY: help
help: ## list the tasks
	@echo "Usage: make <task>"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-10s %s\n", $$1, $$2 }'

.PHONY: dev
dev: $(PACKAGES) build ## serve http://localhost:8787 with local D1 and R2; rebuild and reload on changes (PORT=8787)
	@exec $(NODE) scripts/dev.mjs --port $(PORT)

.PHONY: build
build: admin-ui/_/index.html build/wasm_exec.js build/wa-sqlite.mjs build/aws4fetch.mjs build/app.wasm ## build the Worker: build/app.wasm, build/wasm_exec.js, admin-ui/_

.PHONY: test
test: $(PACKAGES) build build/example.wasm ## run every test: go vet, go test, and those in workerd
	go vet ./...
	GOOS=js GOARCH=wasm go vet $(TAGS) ./...
	go test ./...
	$(NODE) --test --test-reporter=spec --test-concurrency=1 "test/**/*.test.mjs"

.PHONY: bench
bench: $(PACKAGES) build ## compare with stock PocketBase and a bare Worker
	$(NODE) scripts/bench/bench.mjs

.PHONY: deploy
deploy: $(PACKAGES) check-deploy build ## build and deploy to Cloudflare
	$(WRANGLER) deploy

.PHONY: check-deploy
check-deploy:
	@./scripts/check-deploy.sh

.PHONY: clean
clean: ## remove what make has built; node_modules and local data stay
	rm -rf build admin-ui/_ test/artifacts

# Go knows best whether a program is out of date (embedded files, dependencies), so it is always asked; from its cache it
# answers in half a second. What the server watches is a copy that appears whole, and only when the program is another.
.PHONY: always
always:

build/go/app.wasm: always
	@$(WASM_BUILD) -o $@ .

build/go/example.wasm: always
	@$(WASM_BUILD) -o $@ ./test/example

build/%.wasm: build/go/%.wasm
	@cmp -s $< $@ || { cp $< $@.new && mv $@.new $@ && echo "built $@"; }

# The files that the program embeds, for scripts/dev.mjs to watch.
.PHONY: embedded-files
embedded-files:
	@GOOS=js GOARCH=wasm go list -deps $(TAGS) \
	  -f '{{$$p := .}}{{with .Module}}{{if .Main}}{{range $$p.EmbedFiles}}{{$$p.Dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}' . | sed '/^$$/d'

build/wa-sqlite.mjs: $(PACKAGES)
	@mkdir -p build
	@cp node_modules/@journeyapps/wa-sqlite/dist/wa-sqlite.wasm node_modules/@journeyapps/wa-sqlite/dist/wa-sqlite.mjs build/ && touch $@

build/aws4fetch.mjs: $(PACKAGES)
	@mkdir -p build
	@cp node_modules/aws4fetch/dist/aws4fetch.esm.mjs $@ && touch $@

build/wasm_exec.js: go.mod
	@mkdir -p build
	@cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $@.new && chmod u+w $@.new && mv $@.new $@
	@touch $@

admin-ui/_/index.html: go.mod scripts/copy-admin-ui.sh
	@./scripts/copy-admin-ui.sh

$(PACKAGES): package.json pnpm-lock.yaml pnpm-workspace.yaml
	@./scripts/install.sh
	@touch $@
