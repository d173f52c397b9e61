//! The kinds of callees. What each of them means is said beside what it does.

use serde_json::json;

use super::callee::{Draft, Meaning};
use super::typed_time::{time, time_of_digits};
use super::words;
use Meaning::{Accept, Decline, Nothing, Offer, OptOut};

type Kind = (&'static str, fn(&mut Draft));

/// Every kind.
pub(super) const KINDS: &[Kind] = &[
    // Those who answer.
    ("accepts after the message", |it| {
        it.listens_and_accepts();
        it.means(&[Accept]);
    }),
    ("accepts and hangs up at once", |it| {
        it.presses_after("key_accept", "1");
        let soon = it.dice.seconds(0.05, 0.6);
        it.and_hangs_up(soon);
        it.means(&[Accept]);
    }),
    ("accepts with one key pressed twice", |it| {
        let keys = it.dice.one_of(&["11", "111"]);
        it.presses_after("key_accept", keys);
        it.presses_after("key_accept_again", "1");
        it.means(&[Accept]);
    }),
    ("declines in mid-word", |it| {
        it.presses_once_at("key_decline", "2");
        it.means(&[Decline]);
    }),
    ("declines after the message", |it| {
        it.presses_after("key_decline", "2");
        it.means(&[Decline]);
    }),
    ("declines before the message", |it| {
        let (at, keys) = (it.dice.seconds(0.3, 3.0), it.dice.one_of(&["2", "22"]));
        it.presses_at(at, keys);
        it.means(&[Decline]);
        // Twilio hears no key before it has a document, which may be two seconds late.
        if at < 2.5 {
            it.perhaps();
        }
    }),
    ("declines and hangs up at once", |it| {
        it.presses_after("key_decline", "2");
        let soon = it.dice.seconds(0.05, 0.6);
        it.and_hangs_up(soon);
        it.means(&[Decline]);
    }),
    ("wants no more calls", |it| {
        it.presses_after("key_no_more_calls", "9");
        it.presses_after("ask_no_more_calls", "1");
        it.means(&[OptOut]);
    }),
    ("wants no more calls and hangs up", |it| {
        let keys = it.dice.one_of(&["9", "99"]);
        it.presses_after("key_no_more_calls", keys);
        let soon = it.dice.seconds(0.05, 0.6);
        it.and_hangs_up(soon);
        it.means(&[OptOut]);
    }),
    ("asks to hear it again and accepts", |it| {
        it.presses_once_at("key_accept", "*");
        it.listens_and_accepts();
        it.means(&[Accept]);
    }),
    ("hands the phone over", |it| {
        let greeting = it.words.greeting(&mut it.dice);
        let (first, second) = (it.dice.seconds(0.2, 2.0), it.dice.seconds(3.0, 30.0));
        it.says_at(first, greeting);
        let aside = words::aside(&mut it.dice);
        it.says_at(second, aside);
        let star = it.dice.seconds(second, 45.0);
        it.presses_at(star, "*");
        if it.dice.once_in(2) {
            it.listens_and_accepts();
            it.means(&[Accept]);
        } else {
            it.presses_after("key_decline", "2");
            it.means(&[Decline]);
        }
    }),
    ("greets and accepts by key", |it| {
        let greeting = it.words.greeting(&mut it.dice);
        it.says_at(0.4, greeting);
        it.listens_and_accepts();
        it.means(&[Accept]);
    }),
    // Those who offer another time.
    ("offers another time", |it| {
        let (time, typed) = time(it);
        it.presses_once_at("key_accept", "3");
        it.presses_after("ask_time", typed);
        it.presses_after("ask_time_again", typed);
        it.presses_after("key_confirm", "1");
        it.means(&[Offer(time.to_owned())]);
    }),
    ("offers a time with all keys in a row", |it| {
        let (time, typed) = time(it);
        it.presses_once_at("key_accept", &format!("3{typed}"));
        it.presses_after("key_confirm", "1");
        it.means(&[Offer(time.to_owned())]);
        it.perhaps();
    }),
    ("offers a time and hangs up before it is confirmed", |it| {
        let (time, typed) = time(it);
        it.presses_once_at("key_accept", "3");
        it.presses_after("ask_time", typed);
        let soon = it.dice.seconds(0.05, 5.0);
        it.and_hangs_up(soon);
        it.or(Offer(time.to_owned()));
    }),
    (
        "offers one time, then another, and confirms neither",
        |it| {
            let ((one, first), (other, second)) = (time(it), time(it));
            it.presses_once_at("key_accept", "3");
            it.presses_once_at("ask_time", first);
            it.presses_once_at("key_type_again", "2");
            it.presses_after("ask_time_again", second);
            // It may hang up, or the line break off, while a time is read back.
            it.or(Offer(one.to_owned()));
            it.or(Offer(other.to_owned()));
        },
    ),
    ("offers a time and then none", |it| {
        let (time, typed) = time(it);
        it.presses_once_at("key_accept", "3");
        it.presses_after("ask_time", typed);
        it.presses_after("key_confirm", "1");
        it.presses_after("change_to_decline", "2");
        it.means(&[Offer(time.to_owned()), Decline]);
    }),
    ("types what is no time", |it| {
        let typed = it.dice.one_of(&["9999", "2575", "1#", "3333", "0", "1199"]);
        it.presses_once_at("key_accept", "3");
        it.presses_after("ask_time", typed);
        it.presses_after("ask_time_again", typed);
    }),
    ("types a time without 3", |it| {
        let typed = time_of_digits(it);
        it.presses_once_at("key_accept", &typed);
        it.presses_at_random();
    }),
    ("types a time without 3, not all of it heard", |it| {
        // While a document is fetched, nobody listens.
        let typed = time_of_digits(it);
        let from = 2 + it.dice.below(typed.len() - 2);
        let (first, rest) = (&typed[..1], &typed[from..]);
        // With the rest unheard as well, nobody could know that it was a time.
        let rest = if rest.replace('#', "").replace(first, "").is_empty() {
            &typed[1..]
        } else {
            rest
        };
        it.presses_once_at("key_accept", &format!("{first}{rest}"));
        it.presses_at_random();
    }),
    ("types a time without 3 and hangs up", |it| {
        let typed = time_of_digits(it);
        it.presses_once_at("key_accept", &typed);
        let soon = it.dice.seconds(0.05, 1.0);
        it.and_hangs_up(soon);
        it.presses_at_random();
    }),
    // Those who change their mind.
    ("accepts, then declines", |it| {
        it.presses_after("key_accept", "1");
        it.presses_after("change_to_decline", "2");
        it.means(&[Accept, Decline]);
    }),
    ("declines, then accepts", |it| {
        it.presses_after("key_decline", "2");
        it.presses_after("change_to_accept", "1");
        it.means(&[Decline, Accept]);
    }),
    ("wants no more calls, then goes back", |it| {
        it.presses_once_at("key_no_more_calls", "9");
        it.presses_after("key_go_back", "2");
        it.means(&[OptOut, Nothing]);
    }),
    ("wants no more calls, goes back and accepts", |it| {
        it.presses_once_at("key_no_more_calls", "9");
        it.presses_after("key_go_back", "2");
        it.presses_after("back", "1");
        it.presses_after("key_accept_again", "1");
        it.means(&[OptOut, Accept]);
    }),
    // Those who press what is no answer.
    ("presses 1 before the message", |it| {
        let at = it.dice.seconds(0.0, 2.5);
        it.presses_at(at, "1");
    }),
    ("presses 1 before the message and hangs up", |it| {
        let at = it.dice.seconds(0.0, 2.5);
        it.presses_at(at, "1");
        let soon = it.dice.seconds(0.05, 6.0);
        it.and_hangs_up(soon);
    }),
    ("presses 1 several times before the message", |it| {
        let (at, keys) = (
            it.dice.seconds(0.0, 1.0),
            it.dice.one_of(&["11", "111", "1111"]),
        );
        it.presses_at(at, keys);
    }),
    ("presses 1 before the message, listens and declines", |it| {
        let at = it.dice.seconds(0.0, 2.5);
        it.presses_at(at, "1");
        it.presses_after("key_accept_again", "2");
        it.presses_after("key_decline", "2");
        it.means(&[Decline]);
    }),
    ("presses 1 before the message, listens and accepts", |it| {
        let at = it.dice.seconds(0.0, 2.5);
        it.presses_at(at, "1");
        it.listens_and_accepts();
        it.means(&[Accept]);
    }),
    ("presses 1 in mid-word", |it| {
        it.presses_once_at("key_accept", "1");
        it.or(Accept);
    }),
    ("presses two keys in a row", |it| {
        let keys = [
            "12", "21", "19", "91", "29", "92", "17", "71", "27", "97", "10", "01",
        ];
        let keys = it.dice.one_of(&keys);
        it.presses_once_at("key_accept", keys);
        it.presses_at_random();
    }),
    ("presses many keys in a row", |it| {
        let keys = it
            .dice
            .one_of(&["123456789", "1212", "987", "147", "0129", "5551", "2468"]);
        it.presses_once_at("key_accept", keys);
        it.presses_at_random();
    }),
    ("presses a wrong key", |it| {
        let key = it.dice.one_of(&["0", "4", "5", "6", "7", "8", "#"]);
        it.presses_once_at("key_accept", key);
    }),
    ("presses a wrong key and hangs up", |it| {
        let key = it.dice.one_of(&["0", "4", "5", "6", "7", "8", "#"]);
        it.presses_once_at("key_accept", key);
        let soon = it.dice.seconds(0.05, 9.0);
        it.and_hangs_up(soon);
    }),
    ("asks to hear it again and again", |it| {
        it.presses_after("key_repeat", "*");
    }),
    ("presses at random", |it| {
        for _ in 0..=it.dice.below(7) {
            let keys = ["1", "2", "3", "9", "0", "*", "#", "5", "12", "1930", "22"];
            let (at, keys) = (it.dice.seconds(0.0, 90.0), it.dice.one_of(&keys));
            it.presses_at(at, keys);
        }
        it.presses_at_random();
    }),
    // Those who say nothing, or what is no answer.
    ("stays silent", |_| {}),
    ("hangs up", |it| {
        let at = it.dice.seconds(0.05, 60.0);
        it.hangs_up_at(at);
    }),
    ("greets", |it| {
        let (at, greeting) = (it.dice.seconds(0.1, 2.0), it.words.greeting(&mut it.dice));
        it.says_at(at, greeting);
    }),
    ("greets and hangs up", |it| {
        let (at, greeting) = (it.dice.seconds(0.1, 2.0), it.words.greeting(&mut it.dice));
        it.says_at(at, greeting);
        let end = it.dice.seconds(at, 20.0);
        it.hangs_up_at(end);
    }),
    ("greets again and again", |it| {
        for second in [0.3, 2.0, 5.0, 9.0] {
            let greeting = it.words.greeting(&mut it.dice);
            it.says_at(second, greeting);
        }
    }),
    ("hums", |it| {
        let at = it.dice.seconds(0.5, 40.0);
        it.says_at(at, "mm-hm");
        it.answers("hmm");
    }),
    ("answers a question that was not asked", |it| {
        let meaning = it.dice.one_of(&["yes", "no"]);
        let answer = it.words.answer(meaning, &mut it.dice);
        let at = it.dice.seconds(0.2, 5.0);
        it.says_at(at, &answer);
        let end = it.dice.seconds(at, 12.0);
        it.hangs_up_at(end);
    }),
    ("says yes", |it| {
        let answer = it.words.answer("yes", &mut it.dice);
        it.answers(&answer);
        if it.speech {
            it.means(&[Accept]);
        }
    }),
    ("says no", |it| {
        let answer = it.words.answer("no", &mut it.dice);
        it.answers(&answer);
        if it.speech {
            it.means(&[Decline]);
        }
    }),
    ("says something else", |it| {
        let aside = words::aside(&mut it.dice);
        it.answers(aside);
    }),
    ("says yes and no", |it| {
        let (yes, no) = (
            it.words.answer("yes", &mut it.dice),
            it.words.answer("no", &mut it.dice),
        );
        it.answers(&format!("{yes} {no}"));
        it.or(Decline);
    }),
    // Machines.
    ("is a mailbox", |it| {
        let length = it.dice.seconds(3.0, 25.0);
        let beep = it.dice.once_in(2);
        it.behaviour["voicemail"] = json!({"greeting_seconds": length, "beep": beep});
        let text = words::machine(&mut it.dice);
        it.says_at(0.5, text);
        if it.dice.once_in(2) {
            it.request = json!({"attempts": 1, "voicemail": "leave_message", "give_up_at": "2026-12-01T21:00:00Z"});
        }
    }),
    ("is a menu", |it| {
        for second in [0.5, 15.0, 30.0] {
            let text = words::machine(&mut it.dice);
            it.says_at(second, text);
        }
        let end = it.dice.seconds(30.0, 90.0);
        it.hangs_up_at(end);
        if it.dice.once_in(2) {
            it.request = json!({"attempts": 1, "extension": "ww1"});
        }
    }),
    ("is a fax", |it| {
        it.behaviour["answered_by"] = json!("fax");
        let end = it.dice.seconds(5.0, 60.0);
        it.hangs_up_at(end);
    }),
    ("does not pick up", |it| {
        let end = it
            .dice
            .one_of(&["busy", "no_answer", "unreachable", "decline"]);
        it.behaviour = json!({"ends": end});
    }),
    // Those who ring us.
    ("rings back and accepts", |it| {
        it.rings_us();
        it.presses_after("key_accept", "1");
        it.means(&[Accept]);
    }),
    ("rings back and declines", |it| {
        it.rings_us();
        it.presses_after("key_decline", "2");
        it.means(&[Decline]);
    }),
    ("rings back and presses 1 at once", |it| {
        it.rings_us();
        let at = it.dice.seconds(0.0, 2.5);
        it.presses_at(at, "1");
        let soon = it.dice.seconds(0.05, 3.0);
        it.and_hangs_up(soon);
    }),
    ("rings back and types in a row", |it| {
        it.rings_us();
        let keys = it.dice.one_of(&["12", "21", "1930", "10"]);
        it.presses_after("key_accept", keys);
        it.presses_at_random();
    }),
];
