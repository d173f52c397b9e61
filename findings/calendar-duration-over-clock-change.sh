#!/usr/bin/env bash
# Of four iCalendar libraries none adds both kinds of DURATION right to an event that spans a change of clocks.
#
# Seen on 2026-11-27 with icalendar 7.3.2, ics 0.7.3 (PyPI), ical.js 2.2.1 and node-ical 0.26.1 (npm), on Python 3.11
# and Node 20. RFC 5545, 3.3.6: days are nominal, hours are accurate. The event starts at 20:00 in New York on the eve
# of the longer night, 6 November 2027 (00:00 UTC). Twelve hours later it is 12:00 UTC, one day later 01:00 UTC of the
# eighth (20:00 on the wall again). icalendar, ics and ical.js end the first an hour late, at 13:00 UTC: to them PT12H
# is a time on the wall. node-ical ends the second an hour early, at 00:00 UTC: to it P1D is 24 hours. An event with
# DTEND in place of DURATION is read alike by all.
#
# Exits 1 if one of them ends an event elsewhere than seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  icalendar==7.3.2 ics==0.7.3 python-dateutil==2.9.0.post0 tzdata==2026.6
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  ical.js@2.2.1 node-ical@0.26.1
cd "$folder"
for length in PT12H P1D; do
  cat > "$length.ics" <<CALENDAR
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
DTSTART;TZID=America/New_York:20271106T200000
DURATION:$length
SUMMARY:Night of the longer hour
END:VEVENT
END:VCALENDAR
CALENDAR
  sed -i 's/$/\r/' "$length.ics"
done
cat > read.py <<'PYTHON'
import datetime, pathlib
import icalendar, ics

for length in ("PT12H", "P1D"):
    text = pathlib.Path(f"{length}.ics").read_bytes().decode()
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    (other,) = ics.Calendar(text).events
    for name, end in (("icalendar", event.end), ("ics", other.end.datetime)):
        print(length, name, end.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"))
PYTHON
cat > read.mjs <<'NODE'
import fs from "node:fs";
import ICAL from "ical.js";
import ical from "node-ical";

for (const length of ["PT12H", "P1D"]) {
  const text = fs.readFileSync(`${length}.ics`, "utf8");
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  ICAL.TimezoneService.register(calendar.getFirstSubcomponent("vtimezone"));
  const event = new ICAL.Event(calendar.getFirstSubcomponent("vevent"));
  const other = Object.values(ical.sync.parseICS(text)).find((part) => part.type === "VEVENT");
  for (const [name, end] of [["ical.js", event.endDate.toJSDate()], ["node-ical", other.end]]) {
    console.log(length, name, end.toISOString().slice(0, 16) + "Z");
  }
}
NODE
{ timeout 60 env/bin/python read.py; timeout 60 node read.mjs; } > seen
cat seen
sort > wanted <<'WANTED'
PT12H icalendar 2027-11-07T13:00Z
PT12H ics 2027-11-07T13:00Z
PT12H ical.js 2027-11-07T13:00Z
PT12H node-ical 2027-11-07T12:00Z
P1D icalendar 2027-11-08T01:00Z
P1D ics 2027-11-08T01:00Z
P1D ical.js 2027-11-08T01:00Z
P1D node-ical 2027-11-08T00:00Z
WANTED
sort seen | cmp - wanted
