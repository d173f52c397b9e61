#!/usr/bin/env bash
# libphonenumber reads the digits after a slash into the number before it, and the result is another valid number.
#
# Seen on 2026-11-27 with the Python port phonenumbers 9.0.43 and the Rust port rlibphonenumber 2.2.15 (the same reading):
# "+49 30 901820 / 21", which on a letterhead means the lines 901820 and 901821, is parsed as +49 30 90182021, and
# is_valid_number says true, since German and Austrian numbers have no fixed length. A slash is punctuation to the parser
# (030/901820 is one number); only a slash followed by x ends a number. Whoever calls what the parser returns rings
# somebody else.
#
# Exits 1 if the digits are refused or left out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check phonenumbers==9.0.43
timeout 60 "$folder/env/bin/python" - <<'PYTHON'
import sys
import phonenumbers

changed = 0
for text, joined in (("+49 30 901820 / 21", "+493090182021"), ("+43 1 5134567/89", "+431513456789")):
    number = phonenumbers.parse(text)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    valid = phonenumbers.is_valid_number(number)
    print(f"{text} is read as {e164}, valid: {valid}")
    changed += e164 != joined or not valid
sys.exit(1 if changed else 0)
PYTHON
