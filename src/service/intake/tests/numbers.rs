//! Numbers and zones of requests.

use super::*;

#[test]
fn national_numbers_are_read_in_their_country() {
    assert!(read(&with("phone", json!("(415) 555-0101"))).is_ok());
    let mut request = with("phone", json!("030 901820"));
    request["country"] = json!("DE");
    assert_eq!(read(&request).unwrap().phone.to_string(), "+4930901820");
}

#[test]
fn a_restaurants_own_deployment_takes_the_guests_number() {
    let own = Defaults {
        restaurant_phone: Phone::from_e164("+14155550199"),
        ..defaults()
    };
    let reservation = read_with(&least(), &own).unwrap();
    assert_eq!(reservation.phone.to_string(), "+14155550199");
    assert_eq!(reservation.guest_phone.unwrap().to_string(), "+14155550101");
    let both = read_with(&with("guest_phone", json!("+14155550102")), &own).unwrap_err();
    assert_eq!(both, [("guest_phone".to_owned(), "not_allowed")]);
}

#[test]
fn a_zone_of_the_country_or_with_a_possible_clock_is_accepted_as_it_was_named() {
    let zone = |phone: &str, zone: &str| {
        let mut request = least();
        request["phone"] = json!(phone);
        request["timezone"] = json!(zone);
        read(&request).map(|reservation| reservation.timezone.unwrap().to_string())
    };
    for (phone, name) in [
        ("+353212345678", "Europe/Dublin"),
        ("+353212345678", "Europe/London"),
        ("+919812345678", "Asia/Kolkata"),
        ("+919812345678", "Asia/Calcutta"),
        ("+61399991234", "Australia/Melbourne"),
        ("+13135550123", "America/Detroit"),
        ("+13135550123", "US/Eastern"),
        ("+13135550123", "America/Toronto"),
        ("+13175550123", "America/Indiana/Indianapolis"),
        ("+37167123456", "Europe/Riga"),
        ("+85328212345", "Asia/Macau"),
        ("+14155550101", "America/New_York"),
        ("+80012345678", "Asia/Tokyo"),
    ] {
        assert_eq!(zone(phone, name), Ok(name.to_owned()), "{phone}");
    }
    for (phone, name) in [
        ("+14155550101", "Europe/Berlin"),
        ("+4930901820", "Europe/Dublin"),
        ("+919812345678", "Asia/Dubai"),
    ] {
        let wrong = vec![("timezone".to_owned(), "timezone_mismatch")];
        assert_eq!(zone(phone, name), Err(wrong), "{phone}");
    }
}

#[test]
fn zones_with_one_clock_are_known_without_being_named() {
    for (phone, expected) in [
        ("+353861234567", Some("Europe/Dublin")),
        ("+447400123456", Some("Europe/London")),
        ("+77123456789", Some("Asia/Aqtobe")),
        ("+34612345678", None),
        ("+61491570156", None),
        ("+16895550123", Some("America/New_York")),
    ] {
        let reservation = read(&with("phone", json!(phone))).unwrap();
        let found = reservation.timezone.map(|zone| zone.to_string());
        assert_eq!(found.as_deref(), expected, "{phone}");
    }
}

#[test]
fn the_zone_of_the_one_restaurant_is_given_once() {
    let defaults = Defaults {
        restaurant_phone: Phone::from_e164("+61491570156"),
        restaurant_timezone: "Australia/Perth".parse().ok(),
        ..defaults()
    };
    let read = |request: &Value| read_with(request, &defaults);
    let reservation = read(&least()).unwrap();
    assert_eq!(reservation.timezone.unwrap().as_str(), "Australia/Perth");
    let wrong = read(&with("timezone", json!("Australia/Sydney"))).unwrap_err();
    assert_eq!(wrong, [("timezone".to_owned(), "timezone_mismatch")]);
}

#[test]
fn an_extension_behind_the_number_fills_the_field_unless_it_is_given() {
    for (text, extension) in [
        ("+1 415 555 0104 x12", "12"),
        ("+1 415 555 0104 ext. 12", "12"),
        ("+14155550104;ext=12", "12"),
        ("+14155550104,12", "12"),
        ("+14155550104,,2", "2"),
        ("+14155550104#12", "12"),
        ("+14155550104~12", "12"),
        ("+14155550104p12", "12"),
        ("tel:+1-415-555-0104;ext=12", "12"),
        ("(415) 555-0104 extension 12", "12"),
        ("+1 415 555 0104 ｘ１２", "12"),
    ] {
        let request = with("phone", json!(text));
        let reservation = read(&request).unwrap();
        assert_eq!(reservation.phone.to_string(), "+14155550104", "{text}");
        assert_eq!(reservation.extension.unwrap().as_str(), extension, "{text}");
        let mut twice = request;
        twice["extension"] = json!("34");
        let wrong = ("extension".to_owned(), "extension_twice");
        assert_eq!(field_and_code(&twice), wrong, "{text}");
    }
    let guest = read(&with("guest_phone", json!("(415) 555-0199 x7"))).unwrap();
    assert_eq!(guest.guest_phone.unwrap().to_string(), "+14155550199");
    assert_eq!(guest.guest_extension.unwrap().as_str(), "7");
}

#[test]
fn numbers_are_read_as_they_stand_on_cards_and_in_links() {
    let phone = |text: &str, country: &str| {
        let mut request = with("phone", json!(text));
        request["country"] = json!(country);
        read(&request).map(|reservation| reservation.phone.to_string())
    };
    for (text, country, number) in [
        ("tel:+14155550107", "US", "+14155550107"),
        ("tel:%2B1%20415%20555%200107", "US", "+14155550107"),
        ("tel:415-555-0107;phone-context=+1", "DE", "+14155550107"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("+52 1 55 1234 5678", "US", "+525512345678"),
        ("044 55 1234 5678", "MX", "+525512345678"),
        ("045 55 1234 5678", "MX", "+525512345678"),
        ("01 55 1234 5678", "MX", "+525512345678"),
        ("0049 30 901820", "DE", "+4930901820"),
        ("0049 30 901820", "US", "+4930901820"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("030/901820", "DE", "+4930901820"),
        ("+44 (0)20 7946 0958", "US", "+442079460958"),
        ("+54 11 15 2345 6789", "AR", "+5491123456789"),
    ] {
        assert_eq!(phone(text, country).as_deref(), Ok(number), "{text}");
    }
    for (text, country, code) in [
        ("+49 30 901820 / 21", "DE", "two_numbers"),
        ("030 901820/21", "DE", "two_numbers"),
        ("+14155550101, +14155550102", "US", "two_numbers"),
        ("+14365550123", "US", "invalid_phone_number"),
        ("5550123", "US", "invalid_phone_number"),
        ("*1234", "IL", "short_number"),
        ("19123", "EG", "short_number"),
        ("14045", "ID", "short_number"),
        ("#1234", "PH", "short_number"),
        ("95555", "CN", "short_number"),
        ("Ana 4155550101", "US", "not_a_phone_number"),
        ("4155550101 Ana", "US", "not_a_phone_number"),
        ("tel:+14155550107;isub=1", "US", "not_a_phone_number"),
    ] {
        let wrong = vec![("phone".to_owned(), code)];
        assert_eq!(phone(text, country), Err(wrong), "{text}");
    }
}

#[test]
fn a_number_is_not_judged_by_a_country_that_was_not_meant() {
    let mut request = with("phone", json!("020 7946 0958"));
    request["country"] = json!("UK");
    let wrong = vec![("country".to_owned(), "unknown_country")];
    assert_eq!(read(&request).unwrap_err(), wrong);
    request["phone"] = json!("+44 20 7946 0958 Ana");
    let both = [wrong, vec![("phone".to_owned(), "not_a_phone_number")]].concat();
    assert_eq!(read(&request).unwrap_err(), both);
}

#[test]
fn what_is_dialled_before_another_countrys_code_is_no_part_of_a_guests_number() {
    for (country, text) in [
        ("DE", "0049 30 901820"),
        ("US", "0049 30 901820"),
        ("JP", "0049 30 901820"),
        ("KR", "00 49 30 901820"),
        ("US", "011 49 30 901820"),
    ] {
        let mut request = with("guest_phone", json!(text));
        request["country"] = json!(country);
        let guest = read(&request).unwrap().guest_phone.unwrap();
        assert_eq!(guest.to_string(), "+4930901820", "{country}");
    }
}

/// A guest's number is only read aloud.
#[test]
fn a_guests_number_must_be_possible_but_not_handed_out() {
    let guest = |text: &str| {
        read(&with("guest_phone", json!(text)))
            .map(|reservation| reservation.guest_phone.unwrap().to_string())
    };
    assert_eq!(guest("+14365550123"), Ok("+14365550123".to_owned()));
    assert_eq!(guest("+19005550123"), Ok("+19005550123".to_owned()));
    for wrong in ["+1415555", "+141555501012345", "12"] {
        assert!(guest(wrong).is_err(), "{wrong}");
    }
}
