"""The entry as icalendar and vobject read it."""
import sys
from datetime import datetime, timedelta

import icalendar
import vobject

text = open(sys.argv[1], newline="").read()
event = next(part for part in icalendar.Calendar.from_ical(text).walk("VEVENT"))
assert event["SUMMARY"] == "Da Gino: table for 4", event["SUMMARY"]
assert event["STATUS"] == "CONFIRMED" and int(event["SEQUENCE"]) > 0
start = event.decoded("DTSTART")
assert start.replace(tzinfo=None) == datetime(2027, 6, 18, 19, 30) and start.utcoffset() == timedelta(hours=-7), start
assert event["URL"].startswith("http"), event["URL"]

other = vobject.readOne(text).vevent
assert other.dtstart.value.utcoffset() == timedelta(hours=-7), other.dtstart
assert "Ana García" in other.description.value and "+1 415" in other.location.value, other.description
