#!/usr/bin/env bash
# The demo's report in a real browser: demo_page.sh DEIXIS WEB_FOLDER OUT_FOLDER. Exit 77 (skipped)
# where there is no Chromium.
set -euo pipefail
deixis=$1 web=$2 out=$3
[[ -x /usr/bin/chromium || -x /usr/bin/google-chrome ]] || { echo "no Chromium here"; exit 77; }
rm -rf "$out"
mkdir -p "$out/screenshots"
"$deixis" demo --out "$out/demo" --quiet
cd "$web"
DEIXIS_STUDY_PAGE=$out/demo/report/index.html DEIXIS_SCREENSHOTS=$out/screenshots \
  npm run --silent test:browser -- browser/report
