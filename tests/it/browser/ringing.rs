//! Somebody rings an app from the phone's page.

use super::site::TestSite;
use super::tab::Tab;

/// The parameters of the newest webhook, as one text.
const PARAMETERS: &str = "fetch('/simulator/api/wire').then((it) => it.json()).then((it) => \
     JSON.stringify(it.exchanges.filter((one) => one.direction === 'webhook').at(-1)?.params ?? []))";

#[tokio::test]
async fn a_caller_rings_the_app_and_it_is_told_who_calls_and_from_where() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let page = Tab::open(&site.origin).await;
    page.visit("/simulator").await;
    page.see("#ringing summary").await.click().await.unwrap();
    page.fill("Caller", "+442071838750").await;
    page.fill("City of the caller", "LONDON").await;
    page.fill("State", "LND").await;
    page.fill("ZIP", "SW1A").await;
    page.fill("Country", "GB").await;
    let url = format!("{}/twiml/inbound", site.origin);
    page.fill("Voice URL of this number", &url).await;
    page.run("document.getElementById('ring-verstat').value = 'TN-Validation-Passed-B'")
        .await;
    page.press("Ring").await;
    page.see(".captions .machine").await;
    for (name, value) in [
        ("From", "+442071838750"),
        ("FromCity", "LONDON"),
        ("CallerState", "LND"),
        ("FromZip", "SW1A"),
        ("FromCountry", "GB"),
        ("StirVerstat", "TN-Validation-Passed-B"),
    ] {
        let pair = serde_json::json!([name, value]).to_string();
        page.until(&format!("{PARAMETERS}.then((it) => it.includes({pair:?}))"))
            .await;
    }
    page.fill("Caller", "nobody").await;
    page.press("Ring").await;
    page.until("document.querySelector('#ring-from:invalid') !== null")
        .await;
    page.leave().await;
}

#[tokio::test]
async fn another_voice_url_answers_until_the_first_one_is_given_again() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let page = Tab::open(&site.origin).await;
    page.visit("/simulator").await;
    page.see("#ringing summary").await.click().await.unwrap();
    let own = "fetch('/simulator/api/voice-urls').then((it) => it.json()).then((it) => it.numbers['+15005550006']?.url)";
    for path in ["/twiml/inbound?a", "/twiml/inbound?b", "/twiml/inbound?a"] {
        let url = format!("{}{path}", site.origin);
        page.fill("Voice URL of this number", &url).await;
        page.press("Ring").await;
        page.until(&format!("{own}.then((it) => it === {url:?})"))
            .await;
    }
    page.leave().await;
}
