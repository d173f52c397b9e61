#!/usr/bin/env bash
# opening-hours-py asks a fallback rule by the day and not by the hour, and its intervals say otherwise than its states.
#
# Seen on 2026-11-27 with opening-hours-py 2.1.4 (PyPI, the Rust crate opening-hours of that version; Python 3.11)
# against opening_hours 3.15.0 (npm, Node 20). In OpenStreetMap's specification a rule behind "||" holds where the
# rules before it leave the place closed. By opening_hours.js 'Mo-Fr 12:00-14:00 || 18:00-20:00' is open on a
# Wednesday at 19:00, and 'We 18:00-22:00 || unknown "ask"' is unknown at 23:00. opening-hours-py says closed to both:
# the day has other hours, so the fallback is not looked at. Its method intervals() has the second unknown from
# Tuesday to Friday without a break, over the hours of Wednesday that its own state() calls open.
#
# Exits 1 if one of the two answers otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check opening-hours-py==2.1.4
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund opening_hours@3.15.0
cd "$folder"
cat > rules <<'RULES'
Mo-Fr 12:00-14:00 || 18:00-20:00
We 18:00-22:00 || unknown "ask"
RULES
cat > ask.mjs <<'NODE'
import fs from "node:fs";
import OpeningHours from "opening_hours";

const wednesday = (hour) => new Date(2027, 3, 7, hour);
for (const rule of fs.readFileSync("rules", "utf8").trim().split("\n")) {
  const hours = new OpeningHours(rule);
  console.log(rule, "is at 13, 19 and 23:", ...[13, 19, 23].map((hour) => hours.getStateString(wednesday(hour), true)));
}
NODE
cat > ask.py <<'PYTHON'
import datetime
from opening_hours import OpeningHours

for rule in open("rules").read().splitlines():
    hours = OpeningHours(rule)
    print(rule, "is at 13, 19 and 23:", *(hours.state(datetime.datetime(2027, 4, 7, hour))[0] for hour in (13, 19, 23)))
spans = hours.intervals(datetime.datetime(2027, 4, 6), datetime.datetime(2027, 4, 10))
print("its intervals:", *(f"{start:%a %H:%M}-{end:%a %H:%M} {state}" for start, end, state, _ in spans))
PYTHON
TZ=UTC timeout 60 node ask.mjs > npm
LC_ALL=C timeout 60 env/bin/python ask.py > pypi
echo "opening_hours.js:" && cat npm
echo "opening-hours-py:" && cat pypi
cat > wanted.npm <<'WANTED'
Mo-Fr 12:00-14:00 || 18:00-20:00 is at 13, 19 and 23: open open closed
We 18:00-22:00 || unknown "ask" is at 13, 19 and 23: unknown open unknown
WANTED
cat > wanted.pypi <<'WANTED'
Mo-Fr 12:00-14:00 || 18:00-20:00 is at 13, 19 and 23: open closed closed
We 18:00-22:00 || unknown "ask" is at 13, 19 and 23: closed open closed
its intervals: Tue 00:00-Sat 00:00 unknown
WANTED
cmp npm wanted.npm
cmp pypi wanted.pypi
