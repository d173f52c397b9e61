//! For everybody: by keyboard alone, by screen reader (as far as axe-core can tell), small and
//! wide, light and dark.

use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const SPACE: &str = " ";

/// Moves on by the Tab key until `condition` holds of `it`, the element with the focus.
async fn tab_to(tab: &Tab, condition: &str) {
    for _ in 0..60 {
        let there = tab
            .run(&format!(
                "const it = document.activeElement; return Boolean({condition})"
            ))
            .await;
        if there == true {
            return;
        }
        tab.type_keys(TAB).await;
    }
    panic!("the keyboard does not reach {condition}");
}

#[tokio::test]
async fn a_keyboard_is_enough() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.visit("/").await;
    tab_to(&guest, "it.id === 'name'").await;
    guest.type_keys("Ana García").await;
    tab_to(&guest, "it.id === 'phone'").await;
    guest.type_keys(RESTAURANT).await;
    tab_to(&guest, "it.id === 'more'").await;
    guest.type_keys(SPACE).await;
    tab_to(&guest, "it.id === 'call'").await;
    let outlined = guest
        .run("return getComputedStyle(document.activeElement).outlineStyle")
        .await;
    assert_eq!(outlined, "solid", "the focus can be seen");
    guest.type_keys(ENTER).await;

    site.pause_while_it_rings().await;
    restaurant.button("Answer").await;
    tab_to(&restaurant, "it.textContent.trim() === 'Answer'").await;
    restaurant.type_keys(ENTER).await;
    site.resume();
    restaurant.see(".captions .machine").await;
    site.phone_hears_all().await;
    site.pause();
    restaurant.type_keys("1").await;
    assert_eq!(guest.verdict().await, "confirmed");
    tab_to(&restaurant, "it.textContent.trim() === 'Hang up'").await;
    restaurant.type_keys(ENTER).await;
    site.resume();
    tab_to(&guest, "it.hasAttribute('download')").await;
    guest.leave().await;
    restaurant.leave().await;
}

/// Looks at what is shown in both widths and both lights.
async fn accessible(tab: &Tab, what: &str) {
    for (width, dark) in [(375, false), (375, true), (1280, false), (1280, true)] {
        tab.dress(width, dark).await;
        let faults = tab.faults().await;
        assert!(
            faults.is_empty(),
            "{what}, {width} px, dark: {dark}: {faults:#?}"
        );
        let overflow =
            tab.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert!(
            overflow.as_i64().unwrap() <= 0,
            "{what} is too wide for {width} px by {overflow}"
        );
    }
    tab.dress(1280, false).await;
}

#[tokio::test]
async fn the_app_has_no_serious_fault() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.visit("/").await;
    accessible(&guest, "the empty form").await;
    guest.wishes_for_a_table("+14155550101").await;
    guest.see("#fold summary").await.click().await.unwrap();
    guest.see(".heard-text").await;
    accessible(&guest, "the form").await;
    guest.fill("Party size", "0").await;
    guest.press("Call the restaurant").await;
    guest.see("#party_size[aria-invalid]").await;
    accessible(&guest, "an error").await;
    guest.fill("Party size", "4").await;
    guest.press("Call the restaurant").await;
    guest.see(".steps .now").await;
    accessible(&guest, "a call under way").await;
    assert_eq!(guest.verdict().await, "confirmed");
    guest.see(".verdict .row").await;
    accessible(&guest, "a verdict").await;
    guest.visit("/").await;
    guest.press("Erase").await;
    accessible(&guest, "a question").await;
}

#[tokio::test]
async fn the_phone_has_no_serious_fault() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    accessible(&restaurant, "an idle phone").await;
    guest.asks_for_a_table(RESTAURANT).await;
    site.pause_while_it_rings().await;
    restaurant.button("Answer").await;
    accessible(&restaurant, "a ringing phone").await;
    restaurant.answers(&site).await;
    restaurant.press("5").await;
    restaurant.see(".pressed").await;
    restaurant
        .run("for (const it of document.querySelectorAll('details')) it.open = true")
        .await;
    restaurant.see(".inside table").await;
    accessible(&restaurant, "a conversation").await;
    restaurant.leave().await;
}

#[tokio::test]
async fn the_documents_have_no_serious_fault_of_ours() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let reader = Tab::open(&site.origin).await;
    reader.visit("/docs").await;
    accessible(&reader, "the documents").await;
    reader.leave().await;
}
