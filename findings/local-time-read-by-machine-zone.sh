#!/usr/bin/env bash
# TZDate makes another instant of the same time in the same zone when it runs on a machine in another zone.
#
# Seen on 2026-11-27 with @date-fns/tz 1.5.0 against luxon 3.7.2 (npm), on Node 20. The class exists to be free of the
# machine's zone. The three times are neither skipped nor doubled where they are shown: 02:30 in London on 31 October
# 2027, after the clocks went back, is 02:30 UTC. On a machine in UTC TZDate says so. On one in Berlin, where that
# same time comes twice, it makes 01:30 UTC, and getHours() answers 1 to the 2 it was given. In spring a time in the
# Azores that Berlin skips comes an hour late, and a machine in Sydney does the first to Santiago. luxon is right
# everywhere. Servers mostly run in UTC and show nothing of it; the machines of people do.
#
# Exits 1 if TZDate's answers are others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  @date-fns/tz@1.5.0 luxon@3.7.2
cd "$folder"
cat > read.mjs <<'NODE'
import { TZDate } from "@date-fns/tz";
import { DateTime } from "luxon";

const times = [
  ["Europe/London", 2027, 10, 31, 2, 30],
  ["Atlantic/Azores", 2027, 3, 28, 1, 30],
  ["America/Santiago", 2027, 4, 4, 2, 30],
];
for (const [zone, year, month, day, hour, minute] of times) {
  const one = new TZDate(year, month - 1, day, hour, minute, zone);
  const other = DateTime.fromObject({ year, month, day, hour, minute }, { zone });
  const text = other.toFormat("yyyy-MM-dd HH:mm");
  const [seen, right] = [one.getTime(), other.toMillis()].map((at) => new Date(at).toISOString().slice(11, 16));
  const machine = process.env.TZ;
  console.log(`${text} in ${zone}, machine in ${machine}: TZDate ${seen} (hour ${one.getHours()}), luxon ${right} UTC`);
}
NODE
for zone in UTC Europe/Berlin Australia/Sydney; do TZ=$zone timeout 60 node read.mjs; done > seen
cat seen
cat > wanted <<'WANTED'
2027-10-31 02:30 in Europe/London, machine in UTC: TZDate 02:30 (hour 2), luxon 02:30 UTC
2027-03-28 01:30 in Atlantic/Azores, machine in UTC: TZDate 01:30 (hour 1), luxon 01:30 UTC
2027-04-04 02:30 in America/Santiago, machine in UTC: TZDate 06:30 (hour 2), luxon 06:30 UTC
2027-10-31 02:30 in Europe/London, machine in Europe/Berlin: TZDate 01:30 (hour 1), luxon 02:30 UTC
2027-03-28 01:30 in Atlantic/Azores, machine in Europe/Berlin: TZDate 02:30 (hour 2), luxon 01:30 UTC
2027-04-04 02:30 in America/Santiago, machine in Europe/Berlin: TZDate 06:30 (hour 2), luxon 06:30 UTC
2027-10-31 02:30 in Europe/London, machine in Australia/Sydney: TZDate 02:30 (hour 2), luxon 02:30 UTC
2027-03-28 01:30 in Atlantic/Azores, machine in Australia/Sydney: TZDate 01:30 (hour 1), luxon 01:30 UTC
2027-04-04 02:30 in America/Santiago, machine in Australia/Sydney: TZDate 05:30 (hour 1), luxon 06:30 UTC
WANTED
cmp seen wanted
