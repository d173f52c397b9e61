//! The pages in browsers that lack or withhold something: each is taken away as a browser truly does
//! it, by its own settings.

use serde_json::json;
use tablecall::config::RawConfig;

use super::chromium::Lacking;
use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

/// A guest asks for a table and gets it, and the restaurant's phone works.
async fn works_without(lacking: Lacking) {
    let site = TestSite::start().await;
    let guest = Tab::lacking(&lacking, &site.origin).await;
    guest.asks_for_a_table(RESTAURANT).await;
    let address = guest.client().current_url().await.unwrap();
    assert!(!address.as_str().contains("Ana"), "{address}");
    let restaurant = Tab::lacking(&lacking, &site.origin).await;
    restaurant.visit("/simulator").await;
    restaurant.answers(&site).await;
    site.phone_accepts().await;
    assert_eq!(guest.verdict().await, "confirmed");
}

#[tokio::test]
async fn nobody_needs_a_voice() {
    needs!("chromium", "chromedriver");
    // As in Android's WebView.
    let args = &["--disable-speech-synthesis-api", "--disable-speech-api"];
    works_without(Lacking {
        args,
        ..Lacking::default()
    })
    .await;
}

#[tokio::test]
async fn nobody_needs_storage() {
    needs!("chromium", "chromedriver");
    // A browser that blocks cookies lets no page store anything, and has no service worker.
    works_without(Lacking {
        prefs: json!({"profile.default_content_setting_values.cookies": 2}),
        ..Lacking::default()
    })
    .await;
}

#[tokio::test]
async fn storage_that_is_full_is_no_storage() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.visit("/").await;
    let full = "for (let size = 1 << 22; size > 0; size >>= 1) { try { localStorage.setItem('x' + size, 'x'.repeat(size)); } catch {} } \
                for (let at = 0; at < 99; at++) { try { localStorage.setItem('y' + at, 'y'); } catch { return true; } } return false;";
    assert_eq!(guest.run(full).await, true);
    guest.asks_for_a_table("+14155550101").await;
    assert_eq!(guest.verdict().await, "confirmed");
}

/// Scripts are switched off by the browser itself.
fn scriptless() -> Lacking {
    Lacking {
        prefs: json!({"profile.default_content_setting_values.javascript": 2}),
        ..Lacking::default()
    }
}

#[tokio::test]
async fn nobody_needs_scripts() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let guest = Tab::lacking(&scriptless(), &site.origin).await;
    guest.goes_to("/").await;
    guest.fill("Your name", "Ana García").await;
    guest.fill("Restaurant phone", "12").await;
    guest.press("Call the restaurant").await;
    // What is wrong comes back with all that was typed.
    guest.see("#phone-error:not(:empty)").await;
    let name = guest.field("Your name").await;
    assert_eq!(
        name.prop("value").await.unwrap().as_deref(),
        Some("Ana García")
    );
    guest.fill("Restaurant phone", "+14155550101").await;
    for (label, keys) in [("Date", "06182027"), ("Time", "0730PM")] {
        guest.fill(label, keys).await;
    }
    guest.press("Call the restaurant").await;
    guest.read("Your table is booked").await;
    let address = guest.client().current_url().await.unwrap();
    assert!(
        address.path().starts_with("/call/") && address.query().is_none(),
        "{address}"
    );
}

#[tokio::test]
async fn a_form_for_one_restaurant_asks_for_the_guests_number_without_scripts() {
    needs!("chromium", "chromedriver");
    let phone = Some("+14155550101".to_owned());
    let site =
        TestSite::with(RawConfig::default().with(|it| it.calls.restaurant_phone = phone)).await;
    let guest = Tab::lacking(&scriptless(), &site.origin).await;
    guest.goes_to("/").await;
    guest.fill("Your name", "Ana García").await;
    guest.fill("Your phone", "12").await;
    guest.see("#fold summary").await.click().await.unwrap();
    guest.see("[data-field=restaurant][hidden]").await;
    guest.see("[data-field=guest_phone][hidden]").await;
    guest.press("Call the restaurant").await;
    let wrong = guest.see("#phone-error:not(:empty)").await;
    let wrong = wrong.text().await.unwrap();
    assert!(wrong.starts_with("Your phone"), "{wrong}");
    guest.fill("Your phone", "+14155552671").await;
    for (label, keys) in [("Date", "06182027"), ("Time", "0730PM")] {
        guest.fill(label, keys).await;
    }
    guest.press("Call the restaurant").await;
    guest.read("Your table is booked").await;
}

#[tokio::test]
async fn where_a_key_is_needed_nothing_is_sent_without_scripts() {
    needs!("chromium", "chromedriver");
    let site = TestSite::with(
        RawConfig::default()
            .with(|it| it.clients.api_keys = Some("web:a-secret-of-many-letters".to_owned())),
    )
    .await;
    let guest = Tab::lacking(&scriptless(), &site.origin).await;
    guest.goes_to("/").await;
    guest.read("Without scripts nothing is sent").await;
    guest.fill("Your name", "Ana García\n").await;
    guest.see("#call:disabled").await;
    let address = guest.client().current_url().await.unwrap();
    assert_eq!((address.path(), address.query()), ("/", None));
}
