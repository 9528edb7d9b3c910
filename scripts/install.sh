#!/bin/sh
# Installs the npm packages that pnpm-lock.yaml names, with pnpm if it is installed, else with the one that npx fetches.
set -eu
cd "$(dirname "$0")/.."

# Reads this lock file and runs on Node from 18 on.
pnpm=pnpm@12

if command -v pnpm >/dev/null && pnpm install --frozen-lockfile; then
  :
elif npx --yes "$pnpm" install --frozen-lockfile; then
  :
else
  echo "pnpm could not be used; trying npm, which does not read pnpm-lock.yaml." >&2
  npm install --no-package-lock
fi

if ! node_modules/.bin/node -e 0; then
  echo "node_modules/.bin/node does not run: its install script was not allowed to, or failed (see above)." >&2
  exit 1
fi
