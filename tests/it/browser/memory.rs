//! The app checks remembered facts of a call again: they can have become untrue meanwhile.

use serde_json::Value;

use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

/// A number that offers 20:15 by itself.
const OFFERS: &str = "+14155550110";

impl Tab {
    /// The id of the call that is shown.
    async fn call_id(&self) -> String {
        let id = self.run("return location.hash.split('/')[2]").await;
        id.as_str().unwrap().to_owned()
    }

    /// Opens a recent call by the words at it.
    async fn opens_recent(&self, words: &str) {
        self.visit("/").await;
        // Clicked in the page: the list may be drawn anew between two commands.
        let link = format!(
            "[...document.querySelectorAll('a.recent-call')].find((link) => link.textContent.includes({words:?}))"
        );
        self.until(&link).await;
        self.run(&format!("{link}.click()")).await;
    }

    /// The page of a call that another one took the place of.
    async fn points_to_a_newer_call(&self, words: &str) {
        self.read(words).await;
        let text = self.text().await;
        assert!(!text.contains("Nothing is booked"), "{text}");
        let buttons = self
            .run("return document.querySelectorAll('.verdict button').length")
            .await;
        assert_eq!(buttons, 0, "nothing is asked for twice");
    }
}

#[tokio::test]
async fn an_offer_that_was_taken_is_not_offered_again() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table(OFFERS).await;
    assert_eq!(guest.verdict().await, "countered");
    let before = guest.call_id().await;
    guest.press("Ask for 8:15 PM").await;
    guest
        .until(&format!("!location.hash.includes({before:?})"))
        .await;
    let newer = guest.call_id().await;
    // At once, while the restaurant is still being called, and when it has answered.
    guest.client().back().await.unwrap();
    guest
        .points_to_a_newer_call("You asked for that time in a newer call.")
        .await;
    guest.see(".verdict .chip.good").await;
    guest.opens_recent("Another time").await;
    guest
        .points_to_a_newer_call("You asked for that time in a newer call.")
        .await;
    guest.see(".verdict .button").await.click().await.unwrap();
    guest.see("[data-outcome=confirmed]").await;
    assert_eq!(guest.call_id().await, newer);
    guest.leave().await;
}

#[tokio::test]
async fn an_offer_that_was_taken_elsewhere_is_not_offered_again() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table(OFFERS).await;
    guest.button("Ask for 8:15 PM").await;
    let id = guest.call_id().await;
    let http = tablecall::http_client().unwrap();
    let accepted = http
        .post(format!("{}/api/call/{id}/accept", site.origin))
        .send()
        .await
        .unwrap();
    assert_eq!(accepted.status(), 202);
    guest.opens_recent("Another time").await;
    guest
        .points_to_a_newer_call("You asked for that time in a newer call.")
        .await;
    guest.leave().await;
}

#[tokio::test]
async fn a_call_that_was_asked_for_again_points_to_the_newer_one() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table(RESTAURANT).await;
    guest.press("Cancel the call").await;
    guest.press("Try again").await;
    site.phone_answers().await;
    site.phone_accepts().await;
    guest.see("[data-outcome=confirmed]").await;
    guest.opens_recent("Cancelled").await;
    guest
        .points_to_a_newer_call("You asked again in a newer call.")
        .await;
    guest.see(".verdict .chip.good").await;
    // Another table at the same place is no other try for the first one.
    guest.visit("/").await;
    guest.opens_recent("Confirmed").await;
    guest.press("Book another table").await;
    guest.press("Call the restaurant").await;
    guest.press("Cancel the call").await;
    guest.opens_recent("Confirmed").await;
    guest.read("Your table is booked").await;
    guest.see("a[download]").await;
    guest.leave().await;
}

#[tokio::test]
async fn the_list_of_calls_stays_true_while_it_is_looked_at() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table(RESTAURANT).await;
    guest.visit("/").await;
    guest.see("#recent .chip.live").await;
    guest
        .run("document.querySelector('.recent-call').focus()")
        .await;
    site.phone_answers().await;
    site.phone_accepts().await;
    guest.see("#recent .chip.good").await;
    guest
        .until("document.activeElement.matches('.recent-call')")
        .await;

    // A service that has forgotten a call knows nothing of it, and the page does not pretend to.
    guest.asks_for_a_table("+14155552672").await;
    guest.visit("/").await;
    guest.see("#recent .chip.live").await;
    site.restart().await;
    guest
        .until("!document.querySelector('#recent .chip.live')")
        .await;
    guest.read("Unknown").await;
    guest.opens_recent("Confirmed").await;
    guest.read("Your table is booked").await;
    guest.until("!document.querySelector('a[download]')").await;
}

#[tokio::test]
async fn an_answer_that_was_overtaken_changes_nothing() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table(RESTAURANT).await;
    // The answer to the cancellation comes after the event that says that the call is over.
    let held = "const send = window.fetch; window.fetch = async (path, options) => { \
                const answer = await send(path, options); \
                if (String(path).endsWith('/cancel')) { \
                  while (!document.querySelector('.verdict .do')) await new Promise((done) => setTimeout(done, 5)); \
                  window.overtaken = true; \
                } \
                return answer; };";
    guest.run(held).await;
    guest.press("Cancel the call").await;
    guest.until("window.overtaken").await;
    guest.press("Change something").await;
    guest.client().back().await.unwrap();
    assert_eq!(guest.verdict().await, "canceled");
    guest.leave().await;
}

#[tokio::test]
async fn an_answer_that_comes_when_another_call_is_shown_changes_that_one_alone() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table("+14155550101").await;
    assert_eq!(guest.verdict().await, "confirmed");
    let confirmed = guest.call_id().await;
    guest.asks_for_a_table(RESTAURANT).await;
    let held = "const send = window.fetch; window.fetch = async (path, options) => { \
                const answer = await send(path, options); \
                if (String(path).endsWith('/cancel')) { \
                  await new Promise((done) => { window.release = done; }); \
                  setTimeout(() => { window.told = true; }, 0); \
                } \
                return answer; };";
    guest.run(held).await;
    guest.press("Cancel the call").await;
    guest.until("window.release").await;
    guest
        .run(&format!("location.hash = '#/call/{confirmed}'"))
        .await;
    assert_eq!(guest.verdict().await, "confirmed");
    guest.run("window.release()").await;
    guest.until("window.told").await;
    assert_eq!(guest.verdict().await, "confirmed");
    guest.read("Your table is booked").await;
    guest.until("document.title.startsWith('Confirmed')").await;
    guest.leave().await;
}

/// The answers to requests for a call are lost on their way, the requests are not.
const ANSWERS_ARE_LOST: &str = "const send = window.fetch; window.fetch = async (path, options) => { \
     const answer = await send(path, options); \
     if (path === '/api/call') throw new TypeError('lost'); \
     return answer; };";

/// The ids of the calls that stand in the list.
const CALLS: &str =
    "return JSON.parse(localStorage.getItem('tablecall.calls')).map((call) => call.id)";

#[tokio::test]
async fn a_wish_whose_answer_was_lost_is_the_same_wish_after_a_reload() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.wishes_for_a_table(RESTAURANT).await;
    guest.run(ANSWERS_ARE_LOST).await;
    guest.press("Call the restaurant").await;
    guest.read("The service cannot be reached").await;
    site.phone_answers().await;
    site.phone_accepts().await;
    let rung = site.newest_phone().await["sid"].clone();

    // The form is empty again; the same words ask for the same call.
    guest.asks_for_a_table(RESTAURANT).await;
    assert_eq!(guest.verdict().await, "confirmed");
    assert_eq!(site.newest_phone().await["sid"], rung, "nobody rang twice");
    let calls = guest.run(CALLS).await;
    assert_eq!(calls.as_array().unwrap().len(), 1);

    // Once the call is known, the same words would be another wish.
    let kept = guest
        .run("return localStorage.getItem('tablecall.wish')")
        .await;
    assert_eq!(kept, Value::Null);
    guest.leave().await;
}

#[tokio::test]
async fn a_wish_that_was_never_answered_is_forgotten_after_a_day() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.wishes_for_a_table(RESTAURANT).await;
    guest.run(ANSWERS_ARE_LOST).await;
    guest.press("Call the restaurant").await;
    guest.read("The service cannot be reached").await;
    guest
        .run(
            "const wish = JSON.parse(localStorage.getItem('tablecall.wish')); \
             localStorage.setItem('tablecall.wish', JSON.stringify({ ...wish, at: wish.at - 86400000 }))",
        )
        .await;
    guest.visit("/").await;
    let kept = guest
        .run("return localStorage.getItem('tablecall.wish')")
        .await;
    assert_eq!(kept, Value::Null);
    guest.leave().await;
}
