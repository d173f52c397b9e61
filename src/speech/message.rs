//! The messages that every language must have, with their fillings and conditions.
//!
//! A document names messages in their order; whether one is said depends on the call alone, so that
//! documents need no branches and the files can be read by people who do not program.

use super::condition::Condition;
use super::phrase::Variable;

/// The variables that a message may and must contain, and the conditions under which it is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    /// Its name in the language files.
    pub(super) name: &'static str,
    /// Condition under which it is said.
    pub(super) when: Condition,
    /// The variables that it must contain.
    pub(super) must: &'static [Variable],
    /// The variables that it may contain besides.
    pub(super) may: &'static [Variable],
}

impl Spec {
    const fn new(name: &'static str, when: Condition, must: &'static [Variable]) -> Self {
        Self {
            name,
            when,
            must,
            may: &[],
        }
    }

    const fn and(self, may: &'static [Variable]) -> Self {
        Self { may, ..self }
    }

    /// All that may be put into it.
    pub(super) fn allowed(&self) -> Vec<Variable> {
        let named = self.must.iter().chain(self.may);
        let mut allowed: Vec<Variable> = vec![Variable::Hello];
        for variable in named {
            allowed.push(*variable);
            allowed.extend(variable.family());
        }
        allowed
    }
}

/// The message of this name.
pub(super) fn named(name: &str) -> Option<&'static Spec> {
    MESSAGES.iter().find(|spec| spec.name == name)
}

use Condition as C;
use Variable as V;

const TABLE: &[Variable] = &[V::Party, V::Day, V::Time, V::Name];

/// Every message.
pub(super) const MESSAGES: &[Spec] = &[
    Spec::new("greeting", C::RestaurantUnknown, &[V::Service]),
    Spec::new(
        "greeting_to",
        C::RestaurantKnown,
        &[V::Service, V::Restaurant],
    ),
    Spec::new("greeting_offer", C::OfferAccepted, &[V::Service]),
    Spec::new("once_more", C::Always, &[]),
    Spec::new("day", C::Always, &[V::Day]),
    Spec::new("time", C::Always, &[V::Time]),
    Spec::new("time_twice", C::Always, &[V::Time]),
    Spec::new("table_for", C::Always, &[V::Party]),
    Spec::new("name", C::Always, &[V::Name]),
    Spec::new("name_spelled", C::Spelled, &[V::NameSpelled]),
    Spec::new("guest_phone", C::GuestPhone, &[V::GuestPhone]),
    Spec::new("notes", C::Notes, &[V::Notes]),
    Spec::new("alternatives", C::Alternatives, &[V::Earliest, V::Latest]),
    Spec::new("key_accept", C::Always, &[]),
    Spec::new("key_decline", C::Always, &[]),
    Spec::new("key_other_time", C::Alternatives, &[]),
    Spec::new("key_repeat", C::Always, &[]),
    Spec::new("key_no_more_calls", C::Always, &[]),
    Spec::new("wrong_key", C::WrongKey, &[]),
    Spec::new("not_understood", C::NotUnderstood, &[]),
    Spec::new("several_keys", C::SeveralKeys, &[]),
    Spec::new("back", C::Back, &[]),
    Spec::new("be_sure", C::Always, &[V::Party, V::Day, V::Time]),
    Spec::new("be_sure_at", C::Always, &[V::Party, V::Day, V::NewTime]),
    Spec::new("key_accept_again", C::Always, &[]),
    Spec::new("say_yes_or_no", C::Always, &[]),
    Spec::new("accepted", C::Accepted, &[V::Party, V::Day, V::Time]).and(TABLE),
    Spec::new(
        "accepted_at",
        C::AcceptedAt,
        &[V::Party, V::Day, V::NewTime],
    )
    .and(TABLE),
    Spec::new("passed_on", C::PassedOn, &[V::NewTime]).and(TABLE),
    Spec::new("passed_on_day", C::PassedOnDay, &[V::Day, V::NewTime]).and(TABLE),
    Spec::new("declined", C::Declined, &[V::Party, V::Day, V::Time]).and(TABLE),
    Spec::new("change_to_decline", C::MayDecline, &[]),
    Spec::new("change_to_accept", C::MayAccept, &[]),
    Spec::new("ask_time", C::FirstTry, &[]),
    Spec::new("not_a_time", C::NotATime, &[]),
    Spec::new("ask_time_again", C::NextTry, &[]),
    Spec::new("example_time", C::Always, &[]),
    Spec::new("check_time", C::Always, &[V::NewTime]),
    Spec::new("key_confirm", C::Always, &[]),
    Spec::new("key_type_again", C::Always, &[]),
    Spec::new("ask_no_more_calls", C::Always, &[]),
    Spec::new("key_go_back", C::Always, &[]),
    Spec::new("thanks", C::Thanks, &[]),
    Spec::new("no_answer", C::NoAnswer, &[]),
    Spec::new("no_more_calls", C::OptedOut, &[]).and(&[V::Service]),
    Spec::new("goodbye", C::Always, &[]),
    Spec::new("fault", C::Fault, &[]),
    Spec::new("canceled", C::Canceled, &[]),
    Spec::new("expired", C::Expired, &[]),
    Spec::new("voicemail", C::Always, &[V::Service]),
    Spec::new("wanted_table", C::Always, &[V::Party, V::Day, V::Time]),
    Spec::new("call_back", C::ContactKnown, &[V::ContactPhone]),
    Spec::new("call_back_unknown", C::ContactUnknown, &[]),
    Spec::new("who_we_are", C::Always, &[V::Service]),
    Spec::new("reach_us", C::ContactKnown, &[V::ContactPhone]),
    Spec::new("called_you", C::Always, &[]),
    Spec::new("offer_call", C::Always, &[]),
];
