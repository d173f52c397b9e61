// The entry as ical.js and node-ical read it.
import assert from "node:assert/strict";
import fs from "node:fs";
import ICAL from "ical.js";
import ical from "node-ical";

const text = fs.readFileSync(process.argv[2], "utf8");
const calendar = new ICAL.Component(ICAL.parse(text));
const zone = new ICAL.Timezone(calendar.getFirstSubcomponent("vtimezone"));
assert.equal(zone.tzid, "America/Los_Angeles");
const event = new ICAL.Event(calendar.getFirstSubcomponent("vevent"));
assert.equal(event.summary, "Da Gino: table for 4");
const start = event.startDate;
start.zone = zone;
assert.equal(start.toJSDate().toISOString(), "2027-06-19T02:30:00.000Z");

const [read] = Object.values(ical.sync.parseICS(text)).filter((it) => it.type === "VEVENT");
assert.equal(read.start.toISOString(), "2027-06-19T02:30:00.000Z");
assert.equal(read.status, "CONFIRMED");
