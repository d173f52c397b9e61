// Countries and their calling codes, for the help beside a number. The server alone decides what a number is.

const CODES =
  "AF93 AL355 DZ213 AD376 AO244 AR54 AM374 AU61 AT43 AZ994 BH973 BD880 BY375 BE32 BZ501 BJ229 BT975 BO591 BA387 BW267 BR55 BN673 BG359 BF226 BI257 KH855 CM237 CA1 CV238 CF236 TD235 CL56 CN86 CO57 KM269 CG242 CD243 CR506 CI225 HR385 CU53 CY357 CZ420 DK45 DJ253 DO1 EC593 EG20 SV503 GQ240 ER291 EE372 SZ268 ET251 FJ679 FI358 FR33 GA241 GM220 GE995 DE49 GH233 GI350 GR30 GL299 GT502 GN224 GW245 GY592 HT509 HN504 HK852 HU36 IS354 IN91 ID62 IR98 IQ964 IE353 IL972 IT39 JM1 JP81 JO962 KZ7 KE254 KW965 KG996 LA856 LV371 LB961 LS266 LR231 LY218 LI423 LT370 LU352 MO853 MG261 MW265 MY60 MV960 ML223 MT356 MR222 MU230 MX52 MD373 MC377 MN976 ME382 MA212 MZ258 MM95 NA264 NP977 NL31 NZ64 NI505 NE227 NG234 KP850 MK389 NO47 OM968 PK92 PA507 PG675 PY595 PE51 PH63 PL48 PT351 PR1 QA974 RO40 RU7 RW250 SM378 SA966 SN221 RS381 SC248 SL232 SG65 SK421 SI386 SO252 ZA27 KR82 SS211 ES34 LK94 SD249 SR597 SE46 CH41 SY963 TW886 TJ992 TZ255 TH66 TL670 TG228 TN216 TR90 TM993 UG256 UA380 AE971 GB44 US1 UY598 UZ998 VA39 VE58 VN84 YE967 ZM260 ZW263";

/** ISO code to calling code. */
export const CALLING = new Map(CODES.split(" ").map((entry) => [entry.slice(0, 2), entry.slice(2)]));

/** Shared codes: those that most numbers under them belong to. */
const MAIN = { 1: ["US", "CA"], 7: ["RU", "KZ"], 39: ["IT"] };

/** The countries a number with "+" can belong to; empty while that cannot be told. */
export function countriesOf(number) {
  const digits = number.replace(/\D/g, "");
  for (let length = 3; length > 0; length--) {
    const code = digits.slice(0, length);
    if (code.length < length) continue;
    if (MAIN[code]) return MAIN[code];
    const found = [...CALLING].filter(([, calling]) => calling === code).map(([country]) => country);
    if (found.length) return found;
  }
  return [];
}

/** What is dialled before the code of another country, by calling code where it is not 00. */
const ABROAD = { 1: ["011", "00"], 7: ["810", "00"], 61: ["0011"], 81: ["010", "00"] };
/** Countries where 00 is not dialled so, or is followed by the number of a carrier: the API alone reads it there. */
const CARRIERS = new Set("BR CL CO CU GY HK ID KE KH KR MN MO SG TH TW TZ UG".split(" "));

/** A link to a chat, whose address is a number in international form. */
const CHAT = /^(?:(?:https?:\/\/)?(?:www\.)?(?:wa\.me\/|(?:api|web)\.whatsapp\.com\/send\/?\?phone=)|whatsapp:\/\/send\?phone=)(?:\+|%2b)?(\d+)\b.*$/i;

/** A number with "+" in place of what is dialled in `country` before the code of another one; else as it is. */
export function international(number, country) {
  const text = number.trim().replace(/^(?:tel|callto):(?:\/\/)?/i, "").replace(CHAT, "+$1");
  if (isInternational(text) || CARRIERS.has(country)) return text;
  for (const prefix of ABROAD[CALLING.get(country)] ?? ["00"]) {
    const rest = new RegExp(`^\\(?${[...prefix].join("[\\s-]*")}[\\s().-]*(\\d.*)$`).exec(text)?.[1];
    if (rest && countriesOf(rest).length) return `+${rest}`;
  }
  return text;
}

/** Whether a number says its country itself. */
export const isInternational = (number) => /^\s*[+\uff0b]/.test(number);

/** A number in groups, easier to read: the country's code apart, then threes; North America in its own manner. */
export function pretty(number) {
  const [country] = countriesOf(number);
  const code = country && CALLING.get(country);
  if (!code || !/^\+\d+$/.test(number)) return number;
  const rest = number.slice(1 + code.length);
  const groups = code === "1" && rest.length === 10 ? [rest.slice(0, 3), rest.slice(3, 6), rest.slice(6)] : rest.match(/.{1,3}(?!.$)|.+$/g);
  return [`+${code}`, ...(groups ?? [])].join("\u00a0");
}
