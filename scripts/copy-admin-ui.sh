#!/bin/sh
# Copies the admin UI of the PocketBase that go.mod pins to admin-ui/_, which Workers Assets serve.
set -eu
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=auto

module=github.com/pocketbase/pocketbase
go mod download "$module"
source=$(go list -m -f '{{.Dir}}' "$module")/ui/dist

rm -rf admin-ui/_
mkdir -p admin-ui/_
cp -R "$source/." admin-ui/_/
chmod -R u+w admin-ui/_ # files of the module cache are read-only

# The UI asks for it on every load. Without extensions it does nothing.
echo '// This app has no extensions of the admin UI.' > admin-ui/_/extensions.js

echo "copied the admin UI of PocketBase $(go list -m -f '{{.Version}}' "$module") to admin-ui/_"
