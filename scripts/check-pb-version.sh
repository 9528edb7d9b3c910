#!/bin/sh
# Says whether the PocketBase that go.mod pins is the newest release.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=auto

module=github.com/pocketbase/pocketbase
pinned=$(go list -m -f '{{.Version}}' "$module")

if ! newest=$(go list -m -f '{{.Version}}' "$module@latest" 2>/dev/null) || [ -z "$newest" ]; then
  echo "PocketBase is pinned at $pinned. Its newest release is unknown: the Go module proxy could not be reached." >&2
  exit 1
fi

if [ "$pinned" = "$newest" ]; then
  echo "PocketBase $pinned is the newest release."
else
  echo "PocketBase $newest is out; $pinned is pinned. To move: ./scripts/update-pb.sh $newest"
fi
