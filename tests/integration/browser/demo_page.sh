#!/usr/bin/env bash
# The demo's report in a real browser: demo_page.sh DEMO_FOLDER WEB_FOLDER OUT_FOLDER, the first being
# what `deixis demo` made. Exit 77 (skipped) where there is no Chromium.
set -euo pipefail
demo=$1 web=$2 out=$3
[[ -x /usr/bin/chromium || -x /usr/bin/google-chrome ]] || { echo "no Chromium here"; exit 77; }
rm -rf "$out"
mkdir -p "$out/screenshots"
cd "$web"
DEIXIS_STUDY_PAGE=$demo/report/index.html DEIXIS_SCREENSHOTS=$out/screenshots \
  npm run --silent test:browser -- browser/report
