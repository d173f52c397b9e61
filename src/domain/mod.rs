//! The parts of a reservation: values that are valid once they are parsed.
//!
//! Nothing here does I/O, reads a clock or knows Twilio, HTTP or the words that staff hear. Start
//! with [`reservation::Reservation`]; every other type is one of its fields.

#[macro_use]
mod serialized;

pub mod callback_url;
pub mod country;
pub mod extension;
pub mod id;
pub mod language;
pub mod millis;
pub mod offered_time;
pub mod opening_hours;
pub mod party;
pub mod phone;
pub mod reservation;
pub mod table_time;
pub mod text;
pub mod versions;
pub mod zone;
pub mod zones;

pub use callback_url::{CallbackUrl, is_public};
pub use country::Country;
pub use extension::Extension;
pub use id::{CallId, CallSid};
pub use language::Language;
pub use offered_time::{OfferedDay, OfferedTime};
pub use opening_hours::{OpeningHours, Timetable};
pub use party::PartySize;
pub use phone::{Phone, PhoneFacts};
pub use reservation::{Alternatives, LaterFields, Reservation, VoicemailAction};
pub use table_time::TableTime;
pub use text::{Name, Notes};
pub use zone::Zone;
