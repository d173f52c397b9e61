//! Without a server, and with a new version of it.

use super::guest::RESTAURANT;
use super::site::{NEWER, TestSite};
use super::tab::Tab;

#[tokio::test]
async fn a_call_is_followed_again_when_the_server_is_back() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.asks_for_a_table(RESTAURANT).await;
    guest
        .until("document.querySelector('.steps .now .step-name')?.textContent === 'Ringing'")
        .await;
    site.shut();
    guest.see("#live-link:not([hidden])").await;
    guest.read("The connection is lost.").await;
    restaurant.see("#lost:not([hidden])").await;
    site.open();
    guest
        .until("document.getElementById('live-link').hidden")
        .await;
    restaurant
        .until("document.getElementById('lost').hidden")
        .await;
    restaurant.answers(&site).await;
    restaurant.accepts(&site).await;
    assert_eq!(guest.verdict().await, "confirmed");
}

#[tokio::test]
async fn a_call_that_a_new_server_does_not_know_can_be_asked_again() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table(RESTAURANT).await;
    guest
        .until("document.querySelector('.steps .now .step-name')?.textContent === 'Ringing'")
        .await;
    site.restart().await;
    guest
        .read("The service does not know this call any more.")
        .await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.press("Try again").await;
    restaurant.answers(&site).await;
    restaurant.accepts(&site).await;
    assert_eq!(guest.verdict().await, "confirmed");
    restaurant.leave().await;
}

#[tokio::test]
async fn a_guest_who_looks_elsewhere_is_notified() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let permissions = serde_json::json!({"origin": site.origin, "permissions": ["notifications"]});
    guest
        .devtools("Browser.grantPermissions", permissions)
        .await;
    // The restaurant answers only once the page is hidden: the call cannot end before.
    guest.asks_for_a_table(RESTAURANT).await;
    guest
        .until("navigator.serviceWorker.ready.then(() => true)")
        .await;
    // A page in the background. A browser without windows has none, so the page gets the event.
    guest
        .run("Object.defineProperty(document, 'hidden', {get: () => true})")
        .await;
    site.phone_answers().await;
    site.phone_accepts().await;
    assert_eq!(guest.verdict().await, "confirmed");
    let told = "navigator.serviceWorker.ready.then((it) => it.getNotifications()).then((it) => it[0]?.title)";
    guest
        .until(&format!(
            "{told}.then((it) => it === 'Your table is booked')"
        ))
        .await;
    guest.leave().await;
}

#[tokio::test]
async fn the_app_opens_without_a_network_with_its_recent_calls() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table("+14155550101").await;
    assert_eq!(guest.verdict().await, "confirmed");
    guest
        .until("navigator.serviceWorker.ready.then(() => true)")
        .await;
    site.shut();
    guest.visit("/").await;
    guest.read("No connection to the service.").await;
    guest.see("#recent .chip.good").await.click().await.unwrap();
    guest.read("Your table is booked").await;
    guest.visit("/").await;
    guest.fill("Your name", "Ana").await;
    guest.fill("Restaurant phone", RESTAURANT).await;
    guest.press("Call the restaurant").await;
    guest.read("The service cannot be reached.").await;
    site.open();
    guest.press("Call the restaurant").await;
    guest.see("#live:not([hidden]) .steps").await;
}

#[tokio::test]
async fn a_new_version_waits_until_it_is_wanted_and_replaces_the_old_whole() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.visit("/").await;
    guest
        .until("navigator.serviceWorker.ready.then(() => true)")
        .await;
    guest.visit("/").await;
    guest
        .until("navigator.serviceWorker.controller !== null")
        .await;
    let caches = "caches.keys().then((names) => names.filter((it) => it.startsWith('tablecall-')))";
    guest
        .until(&format!(
            "{caches}.then((it) => it.length === 1 && !it[0].endsWith({NEWER:?}))"
        ))
        .await;
    site.release();
    guest.visit("/").await;
    guest.see("#update:not([hidden])").await;
    guest.run("window.before = true").await;
    guest.press("Use it now").await;
    guest.see("html[data-ready]").await;
    guest
        .until(&format!(
            "{caches}.then((it) => it.length === 1 && it[0].endsWith({NEWER:?}))"
        ))
        .await;
    guest
        .until("!window.before && document.getElementById('update').hidden")
        .await;
}
