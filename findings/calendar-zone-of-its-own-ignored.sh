#!/usr/bin/env bash
# ics and node-ical do not look at a calendar's VTIMEZONE, and what they do instead differs.
#
# Seen on 2026-11-27 with icalendar 7.3.2, ics 0.7.3 (PyPI), ical.js 2.2.1 and node-ical 0.26.1 (npm), on Python 3.11
# and Node 20. By RFC 5545, 3.2.19 and 3.6.5, a TZID is a free name within the calendar, and the VTIMEZONE of that
# name says what it means; only a name that begins with a slash belongs to a global registry. The calendar names a
# zone "Table Time", with New York's rules; 20:30 on 14 July 2027 is 00:30 UTC. icalendar and ical.js read that. ics
# takes the time as UTC: 20:30. node-ical takes it as the time of the machine that reads: 11:30 UTC in Tokyo, 18:30 in
# Berlin. Neither warns.
#
# Exits 1 if one of them reads another instant than seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  icalendar==7.3.2 ics==0.7.3 python-dateutil==2.9.0.post0 tzdata==2026.6
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  ical.js@2.2.1 node-ical@0.26.1
cd "$folder"
cat <<'CALENDAR' | sed 's/$/\r/' > table.ics
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//example//EN
BEGIN:VTIMEZONE
TZID:Table Time
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
DTSTART;TZID=Table Time:20270714T203000
DTEND;TZID=Table Time:20270714T223000
SUMMARY:Table for two
END:VEVENT
END:VCALENDAR
CALENDAR
cat > read.py <<'PYTHON'
import datetime, os, pathlib
import icalendar, ics

text = pathlib.Path("table.ics").read_bytes().decode()
(event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
(other,) = ics.Calendar(text).events
for name, start in (("icalendar", event.start), ("ics", other.begin.datetime)):
    print(name, os.environ["TZ"], start.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"))
PYTHON
cat > read.mjs <<'NODE'
import fs from "node:fs";
import ICAL from "ical.js";
import ical from "node-ical";

const text = fs.readFileSync("table.ics", "utf8");
const calendar = new ICAL.Component(ICAL.parse(text));
ICAL.TimezoneService.register(calendar.getFirstSubcomponent("vtimezone"));
const event = new ICAL.Event(calendar.getFirstSubcomponent("vevent"));
const other = Object.values(ical.sync.parseICS(text)).find((part) => part.type === "VEVENT");
for (const [name, start] of [["ical.js", event.startDate.toJSDate()], ["node-ical", other.start]]) {
  console.log(name, process.env.TZ, start.toISOString().slice(0, 16) + "Z");
}
NODE
for zone in Asia/Tokyo Europe/Berlin; do
  TZ=$zone timeout 60 env/bin/python read.py
  TZ=$zone timeout 60 node read.mjs
done > seen
cat seen
sort > wanted <<'WANTED'
icalendar Asia/Tokyo 2027-07-15T00:30Z
ics Asia/Tokyo 2027-07-14T20:30Z
ical.js Asia/Tokyo 2027-07-15T00:30Z
node-ical Asia/Tokyo 2027-07-14T11:30Z
icalendar Europe/Berlin 2027-07-15T00:30Z
ics Europe/Berlin 2027-07-14T20:30Z
ical.js Europe/Berlin 2027-07-15T00:30Z
node-ical Europe/Berlin 2027-07-14T18:30Z
WANTED
sort seen | cmp - wanted
