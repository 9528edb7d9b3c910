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
esac

before=$(pin)
if [ $# -gt 0 ]; then
  go get "$module@$1"
  go mod tidy
fi
go mod download
./scripts/copy-admin-ui.sh

if [ "$(pin)" != "$before" ]; then
  echo "PocketBase moved from $before to $(pin): go.mod and go.sum have changed."
  echo "Read what is new at https://$module/blob/master/CHANGELOG.md, then run: make test"
else
  echo "PocketBase is $before. Next: make dev"
fi
