#!/usr/bin/env bash
# libphonenumber's time zones give five countries the clock of another country.
#
# Seen on 2026-11-27 with the Python port phonenumbers 9.0.43 (the data is libphonenumber's) and tzdata 2026.6 (2026f):
# the zones of a valid landline of Morocco are Atlantic/Canary, of Algeria Europe/Paris, of Libya Europe/Bucharest, of
# Nicaragua America/Chicago, of South Sudan Africa/Nairobi. None of these is in zone.tab for that country, and each shows
# another time for a part of the year or for all of it. It matters to whoever calls by the clock of the number: Algeria
# has no summer time, France does.
#
# Exits 1 if a country has got a zone of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43 tzdata==2026.6
timeout 60 "$folder/env/bin/python" - <<'PYTHON'
import datetime, importlib.resources, sys, zoneinfo
import phonenumbers
from phonenumbers import timezone

zoneinfo.reset_tzpath(to=())
rows = (importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines()
own = {}
for row in rows:
    if not row.startswith("#"):
        country, _, zone, *_ = row.split("\t")
        own.setdefault(country, []).append(zone)
days = [datetime.datetime(2027, month, 15, 12, tzinfo=datetime.timezone.utc) for month in range(1, 13)]
offsets = lambda zone: [day.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset() for day in days]
changed = 0
for text in ("+212522123456", "+21321123456", "+218212345678", "+50522123456", "+211912345678"):
    number = phonenumbers.parse(text)
    assert phonenumbers.is_valid_number(number)
    country = phonenumbers.region_code_for_number(number)
    (zone,) = timezone.time_zones_for_number(number)
    [home] = own[country]
    months = sum(one != other for one, other in zip(offsets(zone), offsets(home)))
    print(f"{text} ({country}): {zone}; zone.tab has {home}; another time in {months} months of 2027")
    changed += zone in own[country] or months == 0
sys.exit(1 if changed else 0)
PYTHON
