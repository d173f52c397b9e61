//! A table's date and time as anybody may write it, on every wall clock of the world.
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use tablecall::internals::{OfferedTime, Phone, TableTime, Zone, zones};

static ZONES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let numbers = ["+14155550101", "+8613800138000", "+74951234567", "+551155256325", "+61291920101", "+3544101000"];
    let phones = numbers.iter().map(|number| Phone::parse(number, None).expect("a number"));
    phones.flat_map(|(phone, facts)| zones::of_number(phone, facts, None).into_owned()).collect()
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    drop((text.parse::<Zone>(), text.parse::<Timestamp>()));
    let Ok(time) = text.parse::<TableTime>() else { return };
    let written = time.to_string();
    assert_eq!(written.parse::<TableTime>(), Ok(time), "{written}");
    assert_eq!(time.at(OfferedTime::same_day(time.time())), time);
    for now in [Timestamp::MIN, Timestamp::UNIX_EPOCH, time.instant("UTC"), Timestamp::MAX] {
        let _judged = time.check(now, &ZONES);
        let _judged = time.check(now, &[]);
    }
    for zone in ZONES.iter() {
        assert!(time.instant(zone) <= time.latest_instant(&ZONES));
    }
});
