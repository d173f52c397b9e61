//! Settings about numbers: which restaurant, which kinds, which never.

use std::collections::HashSet;
use std::path::PathBuf;

use clock::Clock;

use super::reader::{Reader, list, set};
use super::{ConfigProblem, RawConfig};
use crate::domain::{Country, Phone, Zone, zones};
use crate::policy::{NumberKinds, QuietHours};
use crate::service::do_not_call_file;

impl Reader {
    pub(super) fn phone(&mut self, name: &'static str, value: &Option<String>) -> Option<Phone> {
        let text = set(value)?;
        Phone::parse(text, None)
            .map(|(phone, _)| phone)
            .map_err(|error| self.wrong(name, error))
            .ok()
    }

    /// The zone of the one restaurant. It must be one of its number's country, as in a request.
    pub(super) fn restaurant_timezone(
        &mut self,
        given: &RawConfig,
        restaurant: Option<Phone>,
        allowed: Option<&[Country]>,
    ) -> Option<Zone> {
        const NAME: &str = "TABLECALL_RESTAURANT_TIMEZONE";
        let text = set(&given.calls.restaurant_timezone)?;
        let zone: Zone = text.parse().map_err(|error| self.wrong(NAME, error)).ok()?;
        if set(&given.calls.restaurant_phone).is_none() {
            self.wrong(
                NAME,
                "needs TABLECALL_RESTAURANT_PHONE: it is the zone of that restaurant",
            );
        }
        let restaurant = restaurant?;
        let facts = restaurant.facts()?;
        let now = Clock::system().now();
        if zones::may_be_named(zone.as_str(), restaurant, facts, allowed, now) {
            return Some(zone);
        }
        let nameable = zones::nameable(restaurant, facts, allowed);
        let named = zones::distinct(&nameable, now).join(", ");
        self.wrong(
            NAME,
            format!("is no zone of the country of TABLECALL_RESTAURANT_PHONE, such as {named}"),
        );
        None
    }

    pub(super) fn number_kinds(&mut self, given: &RawConfig) -> NumberKinds {
        let kinds = set(&given.calls.number_kinds).unwrap_or_default().parse();
        kinds
            .map_err(|error| self.wrong("TABLECALL_NUMBER_KINDS", error))
            .unwrap_or_default()
    }

    pub(super) fn quiet_hours(&mut self, given: &RawConfig) -> QuietHours {
        let hours = set(&given.calls.quiet_hours).unwrap_or_default().parse();
        hours
            .map_err(|error| self.wrong("TABLECALL_QUIET_HOURS", error))
            .unwrap_or_default()
    }

    /// The numbers that must never be called, the file of those that asked for it, and its numbers.
    pub(super) fn numbers_not_to_call(
        &mut self,
        given: &RawConfig,
        restaurant_phone: Option<Phone>,
    ) -> (HashSet<Phone>, Option<PathBuf>, HashSet<Phone>) {
        let mut do_not_call = self.do_not_call(given);
        let (file, opted_out) = self.do_not_call_file(given);
        do_not_call.extend(&opted_out);
        if restaurant_phone.is_some_and(|phone| do_not_call.contains(&phone)) {
            self.warn(
                "TABLECALL_RESTAURANT_PHONE",
                "is a number that must never be called, so every call is refused",
            );
        }
        (do_not_call, file, opted_out)
    }

    /// The numbers that the operator never calls. One that the numbering plan of now does not know
    /// is kept: its people asked for it under the plan of then.
    fn do_not_call(&mut self, given: &RawConfig) -> HashSet<Phone> {
        const NAME: &str = "TABLECALL_DO_NOT_CALL";
        let mut numbers = HashSet::new();
        for text in list(set(&given.calls.do_not_call).unwrap_or_default()) {
            let read = Phone::read_aloud(text, None).map(|written| written.phone);
            let kept = read.ok().or_else(|| Phone::read_without_plan(text));
            match kept {
                Some(phone) => {
                    self.warn_of_unknown(NAME, phone);
                    numbers.insert(phone);
                }
                None => self.wrong(NAME, format!("{text} is no number such as +14155550100")),
            }
        }
        numbers
    }

    /// The file of those who asked not to be called again, and its numbers.
    fn do_not_call_file(&mut self, given: &RawConfig) -> (Option<PathBuf>, HashSet<Phone>) {
        let mut numbers = HashSet::new();
        let path = set(&given.calls.do_not_call_file).map(PathBuf::from);
        match path.as_deref().map(do_not_call_file::read) {
            Some(Ok(more)) => {
                for phone in more {
                    self.warn_of_unknown("TABLECALL_DO_NOT_CALL_FILE", phone);
                    numbers.insert(phone);
                }
            }
            Some(Err(error)) => self.wrong("TABLECALL_DO_NOT_CALL_FILE", error),
            None => {}
        }
        (path, numbers)
    }

    fn warn_of_unknown(&mut self, name: &'static str, phone: Phone) {
        if phone.facts().is_none() {
            // Debug output masks the number: warnings go to the log.
            self.warnings.push(ConfigProblem {
                name: name.into(),
                message: format!(
                    "{phone:?} is not in today's numbering plan; it is kept and never called"
                ),
            });
        }
    }
}
