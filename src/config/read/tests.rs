//! The configuration read from values as an operator would give them, good and bad.

use super::*;
use crate::http::cors::Origins;

pub(in crate::config) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn live() -> RawConfig {
    RawConfig::default().with(|it| {
        it.server.public_url = some("https://calls.example.com");
        it.carrier.twilio_account_sid = some("AC0123456789abcdef0123456789abcdef");
        it.carrier.twilio_auth_token = some("0f1e2d3c4b5a69788796a5b4c3d2e1f0");
        it.carrier.twilio_from_number = some("+14155550199");
        it.clients.api_keys = some("app:0123456789abcdef");
    })
}

pub(in crate::config) fn wrong(given: &RawConfig) -> Vec<std::borrow::Cow<'static, str>> {
    Config::read(given)
        .unwrap_err()
        .into_iter()
        .map(|problem| problem.name)
        .collect()
}

#[test]
fn nothing_is_needed_for_a_first_try() {
    let config = Config::read(&RawConfig::default()).unwrap();
    assert!(matches!(config.carrier, TwilioBackend::Simulator(_)));
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(
        (
            config.calls_per_second,
            config.call_hours,
            config.allowed_countries
        ),
        (0, Hours::ALWAYS, None)
    );
    assert!(
        config.api_keys.is_empty() && config.is_secret_made && config.webhook_secrets.len() == 1
    );
}

#[test]
fn a_simulator_that_others_reach_has_a_token_that_nobody_knows() {
    let token = |given: &RawConfig| {
        Config::read(given)
            .unwrap()
            .carrier
            .account()
            .auth_tokens
            .clone()
    };
    let known = token(&RawConfig::default());
    assert_eq!(
        token(&RawConfig::default().with(|it| it.server.listen = some("[::1]:80"))),
        known
    );
    for open in [
        RawConfig::default().with(|it| it.server.port = some("8080")),
        RawConfig::default().with(|it| it.server.listen = some("192.0.2.1:80")),
        RawConfig::default().with(|it| {
            it.server.public_url = some("https://try.example.com");
        }),
    ] {
        assert_ne!(token(&open), known);
        assert_ne!(token(&open), token(&open), "it is made anew at each start");
    }
}

#[test]
fn an_account_needs_its_company() {
    let config = Config::read(&live()).unwrap();
    assert!(
        matches!(config.carrier, TwilioBackend::Twilio { ref api_url, .. } if api_url == "https://api.twilio.com")
    );
    assert_eq!(
        (config.calls_per_second, config.allowed_countries),
        (1, Some(vec![Country::US]))
    );
    assert!(!config.is_secret_made && config.webhook_secrets.is_empty());
    let bare = live().with(|it| {
        it.server.public_url = None;
        it.carrier.twilio_from_number = None;
        it.clients.api_keys = None;
    });
    assert_eq!(
        wrong(&bare),
        [
            "TABLECALL_PUBLIC_URL",
            "TWILIO_FROM_NUMBER",
            "TABLECALL_API_KEYS"
        ]
    );
    assert_eq!(
        wrong(&live().with(|it| it.carrier.twilio_auth_token = None)),
        ["TWILIO_AUTH_TOKEN"]
    );
    assert_eq!(
        wrong(&live().with(|it| it.carrier.twilio_api_key = some("SK1"))),
        ["TWILIO_API_KEY"]
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let given = live().with(|it| {
        it.server.listen = some("nowhere");
        it.server.public_url = some("http://calls.example.com/path");
        it.carrier.twilio_account_sid = some("AC1");
        it.carrier.twilio_from_number = some("+1555");
        it.calls.service_name = some("1");
        it.carrier.twilio_cps = some("many");
        it.carrier.twilio_machine_detection = some("sync");
        it.clients.api_keys = some("app:short,app");
        it.storage.ticket_keys = some("AAAA");
        it.calls.allowed_countries = some("US,QQ");
        it.calls.call_hours = some("late");
        it.calls.quiet_hours = some("noon");
        it.calls.limits = some("number_week=3");
        it.storage.max_calls = some("-1");
        it.storage.retention = some("a while");
        it.clients.webhook_secrets = some("whsec_short");
        it.clients.allow_private_callbacks = some("maybe");
        it.storage.redis_url = some("localhost");
    });
    let names: std::collections::BTreeSet<_> = wrong(&given).into_iter().collect();
    assert_eq!(names.len(), 19, "{names:?}");
}

#[test]
fn a_name_that_no_restaurant_can_hear_is_warned_about() {
    let warned = |name: &str, countries: &str, restaurant: Option<&str>| {
        let given = live().with(|it| {
            it.calls.service_name = some(name);
            it.calls.allowed_countries = some(countries);
            it.calls.restaurant_phone = restaurant.and_then(some);
        });
        let warnings = Config::read(&given).unwrap().warnings;
        let of_name = warnings
            .into_iter()
            .filter(|it| it.name == "TABLECALL_SERVICE_NAME");
        of_name.map(|it| it.message).collect::<Vec<_>>()
    };
    assert_eq!(
        warned("דנה", "US,DE,AT", None),
        [
            "has letters (Hebrew) that the voice of de-DE, en-US cannot say, so restaurants do not hear who calls: write \
             the name in Latin letters"
        ]
    );
    assert!(warned("予約", "US,JP", None)[0].contains("(Han) that the voice of en-US cannot"));
    assert!(warned("予約", "JP", None).is_empty());
    assert!(warned("予約", "US,JP", Some("+81312345678")).is_empty());
    assert_eq!(warned("予約", "*", Some("+14155550101")).len(), 1);
    assert_eq!(warned("예약", "*", None).len(), 1);
    assert!(warned("Café Łódź", "*", None).is_empty());
    assert!(warned("Ana books tables", "*", None).is_empty());
}

#[test]
fn limits_are_made_for_the_deployment() {
    let limits = |given: &RawConfig| Config::read(given).unwrap().limits;
    assert_eq!(limits(&RawConfig::default()), CallLimits::OFF);
    assert_eq!(limits(&live()), CallLimits::USUAL);
    let one = live().with(|it| it.calls.restaurant_phone = some("+14155550101"));
    assert_eq!(limits(&one), CallLimits::ONE_RESTAURANT);
    assert_eq!(
        limits(&one.clone().with(|it| it.calls.limits = some("off"))),
        CallLimits::OFF
    );
    assert_eq!(
        limits(&one.with(|it| it.calls.limits = some("number_hour=5"))).number_day,
        Some(100)
    );
}

#[test]
fn a_list_of_nothing_is_refused() {
    let nothing = || some(" , ,");
    let given = live().with(|it| {
        it.carrier.twilio_auth_token = nothing();
        it.carrier.twilio_from_number = nothing();
        it.clients.api_keys = nothing();
        it.storage.ticket_keys = nothing();
    });
    let names = wrong(&given);
    assert_eq!(
        names,
        [
            "TWILIO_AUTH_TOKEN",
            "TWILIO_FROM_NUMBER",
            "TABLECALL_API_KEYS",
            "TABLECALL_TICKET_KEYS"
        ]
    );
}

#[test]
fn tokens_and_keys_rotate() {
    let config =
        Config::read(&live().with(|it| it.carrier.twilio_auth_token = some("new, old"))).unwrap();
    assert_eq!(config.carrier.account().auth_tokens, ["new", "old"]);
    assert_eq!(config.ticket_keys.len(), 2);
}

#[test]
fn pages_of_elsewhere_are_let_in_by_name_only() {
    let origins = |given: &RawConfig| Config::read(given).map(|config| config.cors_origins);
    assert_eq!(origins(&live()).unwrap(), Origins::Closed);
    let listed = live().with(|it| {
        it.server.cors_origins = some("https://app.example.com, http://localhost:3000");
    });
    assert!(matches!(origins(&listed).unwrap(), Origins::Listed(listed) if listed.len() == 2));
    let any = || some("*");
    assert_eq!(
        wrong(&live().with(|it| it.server.cors_origins = any())),
        ["TABLECALL_CORS_ORIGINS"]
    );
    assert_eq!(
        origins(&RawConfig::default().with(|it| it.server.cors_origins = any())).unwrap(),
        Origins::Any
    );
    assert_eq!(
        wrong(&live().with(|it| it.server.cors_origins = some("app.example.com"))),
        ["TABLECALL_CORS_ORIGINS"]
    );
    let proxies =
        live().with(|it| it.server.trusted_proxies = some("10.0.0.0/8,proxy.example.com"));
    assert_eq!(wrong(&proxies), ["TABLECALL_TRUSTED_PROXIES"]);
}

#[test]
fn the_items_of_a_list_may_stand_on_lines_of_their_own() {
    let keys = |text: &str| {
        let given = live().with(|it| it.clients.api_keys = some(text));
        Config::read(&given).map(|config| config.api_keys)
    };
    let two = keys("app:0123456789abcdef,web:0123456789abcdeg").unwrap();
    assert_eq!(two.len(), 2);
    for text in [
        "app:0123456789abcdef\nweb:0123456789abcdeg\n",
        "app:0123456789abcdef\r\nweb:0123456789abcdeg\r\n",
        " app:0123456789abcdef,\n\n web:0123456789abcdeg,",
    ] {
        assert_eq!(keys(text).unwrap(), two, "{text:?}");
    }
    // What could be no key of a request is told at the start, not by each answer.
    for text in [
        "app:0123456789abcdef web:0123456789abcdeg",
        "app:0123456789abcdéf",
        "my app:0123456789abcdef",
    ] {
        let problems = keys(text).unwrap_err();
        assert_eq!(problems[0].name, "TABLECALL_API_KEYS", "{text}");
        assert!(!problems[0].message.contains("0123456789"), "{text}");
    }
    let lines = live().with(|it| {
        it.carrier.twilio_auth_token =
            some("0f1e2d3c4b5a69788796a5b4c3d2e1f0\n1f1e2d3c4b5a69788796a5b4c3d2e1f0");
        it.carrier.twilio_from_number = some("+14155550199\n+442071838750");
        it.calls.allowed_countries = some("US\nGB");
        it.calls.number_kinds = some("+shared_cost\n-toll_free");
        it.calls.limits = some("number_hour=1\nnumber_day=2");
        it.calls.quiet_hours = some("12:00-13:00\n19:00-20:00");
        it.calls.do_not_call = some("+14155550100\n+14155550103");
        it.server.trusted_proxies = some("10.0.0.0/8\n127.0.0.1");
        it.server.cors_origins = some("https://a.example\nhttps://b.example");
    });
    let config = Config::read(&lines).unwrap();
    assert_eq!(config.carrier.account().auth_tokens.len(), 2);
    assert_eq!(
        (
            config.from_numbers.len(),
            config.allowed_countries.map_or(0, |codes| codes.len()),
            config.do_not_call.len(),
            config.trusted_proxies.0.len(),
        ),
        (2, 2, 2, 2)
    );
    let spaced = live().with(|it| {
        it.carrier.twilio_auth_token =
            some("0f1e2d3c4b5a69788796a5b4c3d2e1f0 1f1e2d3c4b5a69788796a5b4c3d2e1f0");
    });
    assert_eq!(wrong(&spaced), ["TWILIO_AUTH_TOKEN"]);
}

#[test]
fn two_names_of_keys_never_share_a_secret() {
    let told = |text: &str| {
        let given = live().with(|it| it.clients.api_keys = some(text));
        let problems = Config::read(&given).unwrap_err();
        let told = problems.into_iter().map(|it| (it.name, it.message));
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        told("web:0123456789abcdef,app:0123456789abcdeg,dup:0123456789abcdef"),
        [(
            "TABLECALL_API_KEYS".into(),
            "the names web and dup have the same secret".to_owned()
        )]
    );
    assert_eq!(
        told("web:0123456789abcdef,web:0123456789abcdef")[0].1,
        "the name web stands there twice"
    );
}

#[test]
fn a_restaurant_that_must_not_be_called_is_warned_about() {
    let warned = |numbers: &str| {
        let given = live().with(|it| {
            it.calls.restaurant_phone = some("+14155550101");
            it.calls.do_not_call = some(numbers);
        });
        let warnings = Config::read(&given).unwrap().warnings;
        warnings.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    assert_eq!(
        warned("+14155550100,+1 415 555 0101"),
        ["TABLECALL_RESTAURANT_PHONE"]
    );
    assert!(warned("+14155550100").is_empty());
}

#[test]
fn a_service_that_can_hold_no_call_does_not_start() {
    let given = RawConfig::default().with(|it| it.storage.max_calls = some("0"));
    assert_eq!(wrong(&given), ["TABLECALL_MAX_CALLS"]);
}

#[test]
fn nothing_secret_is_shown() {
    let secret = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let given = live().with(|it| {
        it.clients.api_keys = some("app:sixteen-letters-at-least");
        it.clients.webhook_secrets = some(secret);
        it.storage.ticket_keys = some(key);
        it.storage.index_key = some(key);
        it.storage.redis_url = some("rediss://me:a-long-password@redis.example.com");
    });
    let shown = format!("{:?}", Config::read(&given).unwrap());
    for hidden in [
        "0f1e2d3c",
        "sixteen-letters",
        "AQIDBAUG",
        "AAAAAAAAAA",
        "a-long-password",
    ] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
    assert!(
        shown.contains("app"),
        "a key is called by its name: {shown}"
    );
}

#[test]
fn the_retention_is_a_duration_of_an_hour_to_a_leap_year() {
    let retention = |text: &str| {
        let given = RawConfig::default().with(|it| it.storage.retention = some(text));
        Config::read(&given).map(|config| config.retention.as_secs())
    };
    for (text, hours) in [
        ("1h", 1),
        ("90m", 1),
        ("3600s", 1),
        ("24 h", 24),
        ("366d", 366 * 24),
    ] {
        assert_eq!(retention(text).unwrap() / 3_600, hours, "{text}");
    }
    for wrong in ["59m", "367d", "24", "1mo", "-2h", "h", "1h of grace"] {
        assert_eq!(retention(wrong).unwrap_err().len(), 1, "{wrong}");
    }
}
