//! The exit statuses of the program, as in `sysexits.h` where one fits.

/// Wrong settings (`EX_USAGE` of sysexits).
pub(super) const USAGE: u8 = 64;
/// The restaurant made no decision.
pub(super) const NOT_REACHED: u8 = 1;
/// The restaurant declined.
pub(super) const DECLINED: u8 = 2;
/// The restaurant offered another time.
pub(super) const COUNTERED: u8 = 3;
/// The call was placed, and what came of it is not known.
pub(super) const LOST: u8 = 4;
/// The server refuses the request as it is (`EX_DATAERR`).
pub(super) const REFUSED: u8 = 65;
/// The server takes no calls now, or not so many (`EX_TEMPFAIL`).
pub(super) const TRY_LATER: u8 = 75;
/// The server is not Tablecall (`EX_PROTOCOL`).
pub(super) const NOT_TABLECALL: u8 = 76;
/// The server wants another key (`EX_NOPERM`).
pub(super) const NO_KEY: u8 = 77;
/// Ended by Ctrl-C.
pub(super) const INTERRUPTED: u8 = 130;
/// Cannot be served (`EX_UNAVAILABLE`).
pub(super) const UNAVAILABLE: u8 = 69;
