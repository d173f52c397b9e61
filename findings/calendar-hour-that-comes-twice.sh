#!/usr/bin/env bash
# RFC 5545 says what a local time means that comes twice or never; four of five iCalendar libraries read it otherwise.
#
# Seen on 2026-11-27 with icalendar 7.3.2, ics 0.7.3, vobject 0.9.9 (PyPI), ical.js 2.2.1 and node-ical 0.26.1 (npm),
# on Python 3.11 and Node 20. By 3.3.5 a time that comes twice is the first one, and a time that is skipped is
# reckoned with the offset before the gap. So in New York 01:30 on 7 November 2027 is 05:30 UTC, and 02:30 on 14 March
# 2027 is 07:30 UTC (03:30 on the wall). Only icalendar reads both so. ical.js misses both by an hour (06:30 UTC
# each), ics and vobject the skipped time, node-ical the doubled one: two guests with one invitation come an hour
# apart. UTC times avoid it.
#
# Exits 1 if one of them reads another instant than seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  icalendar==7.3.2 ics==0.7.3 vobject==0.9.9 python-dateutil==2.9.0.post0 pytz==2026.6 tzdata==2026.6
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  ical.js@2.2.1 node-ical@0.26.1
cd "$folder"
event() {
  cat <<CALENDAR | sed 's/$/\r/'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//example//EN
BEGIN:VTIMEZONE
TZID:America/New_York
BEGIN:DAYLIGHT
DTSTART:20070311T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:20071104T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1@example.org
DTSTAMP:20260101T000000Z
DTSTART;TZID=America/New_York:$1
DTEND;TZID=America/New_York:$2
SUMMARY:Late table
END:VEVENT
END:VCALENDAR
CALENDAR
}
event 20271107T013000 20271107T040000 > twice.ics
event 20270314T023000 20270314T040000 > never.ics
cat > read.py <<'PYTHON'
import datetime, pathlib
import icalendar, ics, vobject

for kind in ("twice", "never"):
    text = pathlib.Path(f"{kind}.ics").read_bytes().decode()
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    (other,) = ics.Calendar(text).events
    starts = {
        "icalendar": event.start,
        "ics": other.begin.datetime,
        "vobject": vobject.readOne(text).vevent.dtstart.value,
    }
    for name, start in starts.items():
        print(kind, name, start.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"))
PYTHON
cat > read.mjs <<'NODE'
import fs from "node:fs";
import ICAL from "ical.js";
import ical from "node-ical";

for (const kind of ["twice", "never"]) {
  const text = fs.readFileSync(`${kind}.ics`, "utf8");
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  ICAL.TimezoneService.register(calendar.getFirstSubcomponent("vtimezone"));
  const event = new ICAL.Event(calendar.getFirstSubcomponent("vevent"));
  const other = Object.values(ical.sync.parseICS(text)).find((part) => part.type === "VEVENT");
  for (const [name, start] of [["ical.js", event.startDate.toJSDate()], ["node-ical", other.start]]) {
    console.log(kind, name, start.toISOString().slice(0, 16) + "Z");
  }
}
NODE
{ timeout 60 env/bin/python read.py; timeout 60 node read.mjs; } > seen
cat seen
sort > wanted <<'WANTED'
twice icalendar 2027-11-07T05:30Z
twice ics 2027-11-07T05:30Z
twice vobject 2027-11-07T05:30Z
twice ical.js 2027-11-07T06:30Z
twice node-ical 2027-11-07T06:30Z
never icalendar 2027-03-14T07:30Z
never ics 2027-03-14T06:30Z
never vobject 2027-03-14T06:30Z
never ical.js 2027-03-14T06:30Z
never node-ical 2027-03-14T07:30Z
WANTED
sort seen | cmp - wanted
