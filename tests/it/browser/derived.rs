//! Derived values follow their source; values that somebody chose stay.

use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

const BERLIN: &str = "+4930901820";

impl Tab {
    /// The value of the field with this id.
    async fn value(&self, id: &str) -> String {
        let script = format!("return document.getElementById({id:?}).value");
        self.run(&script).await.as_str().unwrap().to_owned()
    }

    /// Sets a field as its picker does.
    async fn picks(&self, id: &str, value: &str) {
        let script = format!(
            "const it = document.getElementById({id:?}); it.value = {value:?}; \
             for (const kind of ['input', 'change']) it.dispatchEvent(new Event(kind, {{bubbles: true}}))"
        );
        self.run(&script).await;
    }

    /// Waits until the preview is in this language.
    async fn hears(&self, language: &str) {
        self.see(&format!(".heard-text[lang='{language}']")).await;
    }

    /// Asks, cancels, and changes something.
    async fn asks_cancels_and_edits(&self) {
        self.press("Call the restaurant").await;
        self.press("Cancel the call").await;
        self.press("Change something").await;
        self.see("#ask:not([hidden])").await;
    }
}

#[tokio::test]
async fn the_language_of_a_country_is_not_kept_for_another() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.wishes_for_a_table(RESTAURANT).await;
    guest.asks_cancels_and_edits().await;
    assert_eq!(guest.value("language").await, "");
    // Twice: the second request is made from the first one.
    guest.press("Call the restaurant").await;
    guest.press("Cancel the call").await;
    guest.press("Try again").await;
    guest.press("Cancel the call").await;
    guest.press("Change something").await;
    guest.see("#ask:not([hidden])").await;
    assert_eq!(guest.value("language").await, "");
    guest.fill("Restaurant phone", BERLIN).await;
    guest.hears("de-DE").await;
    guest.read("The language of the country: German").await;

    // A language that was chosen stays.
    guest.picks("language", "fr-FR").await;
    guest.hears("fr-FR").await;
    guest.asks_cancels_and_edits().await;
    assert_eq!(guest.value("language").await, "fr-FR");
    guest.fill("Restaurant phone", RESTAURANT).await;
    guest.hears("fr-FR").await;
    guest.leave().await;
}

#[tokio::test]
async fn the_language_of_a_call_that_another_program_made_is_judged_by_its_source() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let http = tablecall::http_client().unwrap();
    for (language, expected) in [(None, ""), (Some("es-ES"), "es-ES")] {
        let body = serde_json::json!({
            "name": "Ana", "phone": "+14155550103", "time": "2027-06-18T19:30", "party_size": 2, "attempts": 1,
            "language": language, "guest_phone": "+14155552671 x12",
        });
        let made = http
            .post(format!("{}/api/call", site.origin))
            .json(&body)
            .send()
            .await
            .unwrap();
        let call: serde_json::Value = made.json().await.unwrap();
        guest
            .visit(&format!("/#/call/{}", call["id"].as_str().unwrap()))
            .await;
        guest.press("Change something").await;
        guest.see("#ask:not([hidden])").await;
        assert_eq!(guest.value("language").await, expected);
        assert_eq!(guest.value("guest_phone").await, "+14155552671 x12");
        guest.visit("/").await;
    }
    guest.leave().await;
}

#[tokio::test]
async fn a_country_and_a_window_that_nobody_chose_follow() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.visit("/").await;
    guest.fill("Restaurant phone", BERLIN).await;
    assert_eq!(guest.value("country").await, "DE");
    guest.fill("Restaurant phone", "4155550101").await;
    assert_eq!(guest.value("country").await, "US");
    guest.picks("country", "GB").await;
    guest.fill("Restaurant phone", "02079460101").await;
    assert_eq!(guest.value("country").await, "GB");

    guest.run("document.getElementById('fold').open = true; document.getElementById('flexible').click()").await;
    guest.picks("time", "13:00").await;
    let window = async || [guest.value("earliest").await, guest.value("latest").await];
    assert_eq!(window().await, ["12:00", "14:00"]);
    guest.picks("latest", "15:30").await;
    guest.picks("time", "14:00").await;
    assert_eq!(window().await, ["12:00", "15:30"]);
    guest.leave().await;
}
