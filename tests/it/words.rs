//! Words that are heard: names as they are, languages, and addresses that stay short enough for the
//! carrier.

use serde_json::json;

use crate::app::{RESTAURANT, TestApp, table, table_at, with};
use crate::webhook::Webhook;

#[tokio::test]
async fn hostile_names_are_heard_as_text_and_break_no_document() {
    // What is no word (an emoji) cannot be said and is left out.
    let names = [
        ("<b>Bob</b>", "<b>Bob</b>"),
        ("A & B", "A & B"),
        ("\"Ann\" 'O'Neil'", "\"Ann\" 'O'Neil'"),
        ("Zoë 🎉 Müller", "Zoë Müller"),
        ("</Say><Hangup/>x", "</Say><Hangup/>x"),
        ("{greeting} {name}", "{greeting} {name}"),
        ("]]> --> <?xml?>", "]]> --> <?xml?>"),
    ];
    for (name, spoken) in names {
        let app = TestApp::start().await;
        let call = app
            .asks(with(
                table(),
                json!({"name": name, "notes": name, "restaurant": name}),
            ))
            .await;
        assert_eq!(call.reads().await["reservation"]["name"], name);
        let mut phone = app.phone(RESTAURANT).rings().await;
        phone.answers().await;
        let heard = phone.hears("To accept, press 1").await;
        assert_eq!(
            heard.matches(spoken).count(),
            3,
            "as name, note and restaurant: {name}: {heard}"
        );
        phone.presses_and_hears("2", "Declined").await;
        phone.hangs_up().await;
        call.ends_as("rejected", 1).await;
        // `finish` fails on any warning that the carrier had about a document.
        app.finish().await;
    }
}

#[tokio::test]
async fn a_name_that_the_voice_cannot_say_is_refused_with_the_way_out() {
    let app = TestApp::start().await;
    let dana = with(table(), json!({"name": "دانا"}));
    for path in ["/api/call", "/api/call/check"] {
        let answer = app.send(app.post(path).json(&dana)).await;
        answer.is_problem(422, "invalid_request");
        let error = &answer.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!("name"), &json!("unsayable"))
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("Arabic") && message.contains("`name_pronounced`"),
            "{message}"
        );
    }
    let call = app
        .asks(with(dana, json!({"name_pronounced": "Dana"})))
        .await;
    let reservation = &call.reads().await["reservation"];
    assert_eq!(
        (&reservation["name"], &reservation["name_pronounced"]),
        (&json!("دانا"), &json!("Dana"))
    );
    let mut phone = app.phone(RESTAURANT).picks_up("Name: Dana.").await;
    phone
        .presses_and_hears("*", "Spelled: D as in Delta, A as in Alfa")
        .await;
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    call.ends_as("rejected", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn a_mark_that_turns_the_writing_round_is_refused() {
    let app = TestApp::start().await;
    let answer = app
        .tries(with(table(), json!({"name": "Ana \u{202e}evil"})))
        .await;
    answer.is_problem(422, "invalid_request");
    assert_eq!(answer.body["errors"][0]["code"], "control_character");
    app.finish().await;
}

#[tokio::test]
async fn an_american_and_a_british_restaurant_hear_their_own_english() {
    let app = TestApp::start().await;
    for (number, language, voice, day, time) in [
        (
            RESTAURANT,
            "en-US",
            "Polly.Joanna-Neural",
            "Friday, December 4",
            "At seven thirty PM: half past seven in the evening.",
        ),
        (
            "+442079460018",
            "en-GB",
            "Polly.Amy-Neural",
            "Friday the fourth of December",
            "At half past seven in the evening.",
        ),
    ] {
        let call = app.asks(table_at(number)).await;
        assert_eq!(call.reads().await["reservation"]["language"], language);
        let mut phone = app.phone(number).rings().await;
        phone.answers().await;
        let heard = phone.hears(day).await.replace('\u{202f}', " ");
        assert!(heard.contains(time), "{heard}");
        let line = phone.line().await;
        let spoken = line["transcript"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&spoken["language"], &spoken["voice"]),
            (&json!(language), &json!(voice))
        );
        phone.presses_and_hears("1", "Accepted").await;
        phone.hangs_up().await;
        call.ends_as("confirmed", 1).await;
    }
    let asked = app.asks(with(table(), json!({"language": "en-GB"}))).await;
    let mut phone = app
        .phone(RESTAURANT)
        .picks_up("Friday the fourth of December")
        .await;
    phone.presses_and_hears("2", "Declined").await;
    phone.hangs_up().await;
    asked.ends_as("rejected", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn the_longest_reservation_gives_the_carrier_addresses_of_at_most_3000_characters() {
    let given = tablecall::config::RawConfig::default().with(|it| {
        it.clients.api_keys = Some(format!("{}:{}", "k".repeat(64), crate::app::SECRET));
    });
    let mut app = TestApp::with(given).await;
    app.key = Some(crate::app::SECRET);
    let request = json!({
        "name": "あ".repeat(80), "restaurant": "い".repeat(80), "notes": "う".repeat(140), "party_size": 99,
        "name_pronounced": "え".repeat(40), "name_reading": "お".repeat(40), "notes_language": "ja-JP",
        "phone": RESTAURANT, "guest_phone": "+442079460018", "time": "2026-12-04T19:30", "language": "ja-JP",
        "country": "US", "timezone": "America/Los_Angeles",
        "alternatives": {"earliest": "18:30", "latest": "21:00"},
        "not_before": "2026-12-01T20:00:01Z", "give_up_at": "2026-12-02T19:59:59Z", "attempts": 5,
        "voicemail": "leave_message", "callback_url": format!("https://example.com/{}", "a".repeat(280)),
    });
    let key = "k".repeat(255);
    let answer = app
        .send(
            app.post("/api/call")
                .header("idempotency-key", key)
                .json(&request),
        )
        .await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let mut phone = app.phone(RESTAURANT).rings().await;
    phone.answers().await;
    for keys in ["3", "2015", "1", "*", "2"] {
        phone.presses(keys).await;
    }
    phone.hangs_up().await;
    let create = Webhook::of(&app.creates().await[0]);
    let named = [
        "Url",
        "FallbackUrl",
        "StatusCallback",
        "AsyncAmdStatusCallback",
    ];
    let mut urls: Vec<String> = create
        .params
        .iter()
        .filter(|(name, _)| named.contains(&name.as_str()))
        .map(|(_, url)| url.clone())
        .collect();
    assert_eq!(urls.len(), 4);
    for exchange in app.wire("voice").await {
        let body = exchange["body"].as_str().unwrap().to_owned();
        let actions = body
            .split("action=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        urls.extend(actions.map(|url| url.replace("&amp;", "&")));
    }
    assert!(urls.len() >= 8, "{}", urls.len());
    let longest = urls.iter().map(String::len).max().unwrap();
    assert!(longest <= 3_000, "{longest}");
    assert!(
        longest > 1_500,
        "this was not the longest reservation: {longest}"
    );
    app.stops().await;
}
