#!/usr/bin/env bash
# spacetime keeps one date of each change of clocks and uses it in every year, so coming days are an hour wrong.
#
# Seen on 2026-11-27 with spacetime 7.15.0 against luxon 3.7.2 (npm), on Node 20. The rules say "last Sunday of March"
# and "second Sunday of March"; the table in the package says 29 March and 8 March, which is right for 2026. In 2027
# Berlin is an hour wrong from 28 to 29 March and from 25 to 31 October, New York from 8 to 14 March and from 1 to 7
# November. The package says that it applies its latest rules to dates of the past; it says nothing of those to come,
# and isDST, format and the arithmetic follow the table.
#
# Exits 1 if the days of 2027 that are wrong are others, or if 2026 has any.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  spacetime@7.15.0 luxon@3.7.2
cd "$folder"
cat > count.mjs <<'NODE'
import spacetime from "spacetime";
import { DateTime } from "luxon";

for (const zone of ["Europe/Berlin", "America/New_York"]) {
  for (const year of [2026, 2027]) {
    const wrong = [];
    for (let at = Date.UTC(year, 0, 1, 12); at < Date.UTC(year + 1, 0, 1); at += 86_400_000) {
      const one = spacetime(at, zone).format("{hour-24-pad}:{minute-pad}");
      const other = DateTime.fromMillis(at, { zone }).toFormat("HH:mm");
      if (one !== other) {
        wrong.push(new Date(at).toISOString().slice(5, 10));
      }
    }
    console.log(`${zone} ${year}: ${wrong.join(" ") || "none"}`);
  }
}
NODE
timeout 120 node count.mjs > seen
echo "days whose noon (UTC) is an hour wrong:"
cat seen
cat > wanted <<'WANTED'
Europe/Berlin 2026: none
Europe/Berlin 2027: 03-28 10-25 10-26 10-27 10-28 10-29 10-30
America/New_York 2026: none
America/New_York 2027: 03-08 03-09 03-10 03-11 03-12 03-13 11-01 11-02 11-03 11-04 11-05 11-06
WANTED
cmp seen wanted
