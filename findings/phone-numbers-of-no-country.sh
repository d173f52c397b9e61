#!/usr/bin/env bash
# awesome-phonenumber calls every number of no country invalid; the library it is built from calls them valid.
#
# Seen on 2026-11-27 with awesome-phonenumber 7.8.0 against google-libphonenumber 3.2.47 (npm), on Node 20. Both are
# Google's libphonenumber compiled to JavaScript, and both answer the region "001", the world, for the codes that
# ITU-T E.164 assigns to services rather than countries: +800 freephone, +808 shared cost, +870 and +881 satellite,
# +883 networks, +979 premium rate. awesome-phonenumber then says "invalid-country-code", not possible, and gives no
# form of the number; the other says valid and formats it. The numbers are the data's own examples.
#
# Exits 1 if the two agree on one of the numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  awesome-phonenumber@7.8.0 google-libphonenumber@3.2.47
cd "$folder"
cat > compare.mjs <<'NODE'
import { parsePhoneNumber } from "awesome-phonenumber";
import google from "google-libphonenumber";

const util = google.PhoneNumberUtil.getInstance();
let changed = 0;
for (const code of [800, 808, 870, 881, 883, 979]) {
  const number = util.getExampleNumberForNonGeoEntity(code);
  const text = util.format(number, google.PhoneNumberFormat.E164);
  const one = parsePhoneNumber(text);
  const other = util.isValidNumber(number);
  const form = util.format(number, google.PhoneNumberFormat.INTERNATIONAL);
  console.log(
    `${text}: awesome-phonenumber ${one.regionCode} ${one.valid} (${one.possibility}),`,
    `google-libphonenumber ${util.getRegionCodeForNumber(number)} ${other} (${form})`,
  );
  changed += one.valid || one.possibility !== "invalid-country-code" || !other;
}
process.exitCode = changed ? 1 : 0;
NODE
timeout 60 node compare.mjs
