#!/usr/bin/env bash
# The studio in a real browser: studio_page.sh DEIXIS WEB_FOLDER OUT_FOLDER [TESTS]. TESTS is a part of
# the names of those that are wanted. Exit 77 (skipped) where there is no Chromium.
set -euo pipefail
deixis=$1 web=$2 out=$3
[[ -x /usr/bin/chromium || -x /usr/bin/google-chrome ]] || { echo "no Chromium here"; exit 77; }
rm -rf "$out"
mkdir -p "$out/screenshots"
cd "$web"
DEIXIS_PROGRAM=$deixis DEIXIS_SCREENSHOTS=$out/screenshots npm run --silent test:browser -- browser/studio ${4:+-t "$4"}
