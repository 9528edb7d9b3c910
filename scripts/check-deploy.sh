#!/bin/sh
# Stops a deployment for which wrangler.toml still lacks the databases' ids, and says how to get them.
set -eu
cd "$(dirname "$0")/.."

grep -q '^database_id = "<' wrangler.toml || exit 0
cat >&2 <<'TEXT'

wrangler.toml has no database ids yet. Once for each deployment:

  npx wrangler login
  npx wrangler d1 create pocketflare-app      put the id that it prints at APP_DB's database_id in wrangler.toml
  npx wrangler d1 create pocketflare-logs     and this one at LOGS_DB's
  npx wrangler r2 bucket create pocketflare-storage
  npx wrangler r2 bucket create pocketflare-backups

Then run `make deploy` again. README.md has the rest.

TEXT
exit 1
