#!/bin/sh
# Fetches the PocketBase that go.mod pins and refreshes the admin UI from it. With a version ("v0.40.4", "latest") it
# moves the pin first.
#
#   ./scripts/update-pb.sh [version]
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=auto

module=github.com/pocketbase/pocketbase
pin() { go list -m -f '{{.Version}}' "$module"; }

case "${1-}" in
  -h | --help)
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  "") ;;
  *)
    before=$(pin)
    go get "$module@$1"
    go mod tidy
    if [ "$(pin)" = "$before" ]; then
      echo "PocketBase stays at $before."
    else
      echo "PocketBase moved from $before to $(pin); go.mod and go.sum have changed."
      echo "Read its changelog (https://github.com/pocketbase/pocketbase/releases), then run: make test"
    fi
    ;;
esac

go mod download
./scripts/copy-admin-ui.sh
