#!/usr/bin/env bash
# opening-hours 2.1.4 (Rust crate and PyPI opening-hours-py, one parser) needs three times as long for each further date of a
# list such as "Jan Mo[1],Jan Mo[1],…": 120 characters take a second, 200 characters hours, 300 characters decades.
#
# Seen on 2026-11-27. Its grammar looks ahead after each `month weekday[n]` whether the rest of the list can be read too
# (`!("," ~ !monthday_range)` in date_from), and tries date_from three times in monthday_range, each time with that look
# ahead anew. A text of OpenStreetMap or of a client thus keeps a thread busy. In Rust `pest::set_call_limit` bounds it;
# the Python package has no such setting.
#
# Exits 1 if the time no longer grows so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check opening-hours-py==2.1.4
timeout 120 "$folder/env/bin/python" - <<'PYTHON'
import sys
import time
import opening_hours

def seconds(dates):
    """The least of three readings of a list of so many dates."""
    text = ",".join(["Jan Mo[1]"] * dates)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        valid = opening_hours.validate(text)
        times.append(time.perf_counter() - start)
    print(f"{len(text)} characters, valid: {valid}, {min(times):.4f} s")
    return min(times)

short, long = seconds(5), seconds(8)
print(f"three dates more take {long / short:.0f} times as long")
sys.exit(0 if long > 10 * short else 1)
PYTHON
