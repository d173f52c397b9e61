//! A guest asks on one screen, a restaurant answers on another.

use std::time::Duration;

use tablecall::config::RawConfig;

use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

#[tokio::test]
async fn a_guest_asks_the_restaurant_presses_1_and_the_table_is_booked() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;

    guest.visit("/").await;
    guest.fill("Your name", "Ana García").await;
    guest.fill("Restaurant phone", RESTAURANT).await;
    let day = site
        .clock
        .now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .saturating_add(jiff::Span::new().days(30));
    guest
        .fill("Date", &day.strftime("%m%d%Y").to_string())
        .await;
    guest.fill("Time", "0815PM").await;
    guest.press("More people").await;
    guest.press("More people").await;
    guest.press("Fewer people").await;
    assert_eq!(
        guest
            .field("Party size")
            .await
            .prop("value")
            .await
            .unwrap()
            .as_deref(),
        Some("3")
    );
    let day = day.strftime("%A, %B %-d").to_string();
    for words in [&*day, "For 3 people"] {
        let heard =
            format!("document.querySelector('.heard-text')?.textContent.includes('{words}')");
        guest.until(&heard).await;
    }
    guest.read("seconds · American English").await;
    guest.press("Call the restaurant").await;

    guest.see(".steps .now").await;
    restaurant.answers(&site).await;
    guest.read("Picked up").await;
    let caption = restaurant
        .see(".captions .machine.now")
        .await
        .text()
        .await
        .unwrap();
    assert!(caption.contains("Name: Ana García"), "{caption}");
    restaurant.accepts_and_stays(&site).await;
    assert_eq!(guest.verdict().await, "confirmed");
    guest.read("Your table is booked").await;
    guest.read(&format!("3 people, {day} at 8:15 PM")).await;
    restaurant.see(".pressed kbd").await;
    restaurant.hangs_up(&site).await;

    let entry = guest
        .see("a[download]")
        .await
        .attr("href")
        .await
        .unwrap()
        .unwrap();
    let script = format!(
        "fetch({entry:?}).then((it) => it.text()).then((it) => it.includes('BEGIN:VEVENT'))"
    );
    guest.until(&script).await;
    guest.visit("/").await;
    guest.see("#recent .chip.good").await;
    guest.press("Erase").await;
    guest.press("Erase all").await;
    guest.until("document.getElementById('recent').hidden && localStorage.getItem('tablecall.calls') === null").await;
    restaurant.see(".exchanges .kind").await;
    guest.leave().await;
    restaurant.leave().await;
}

#[tokio::test]
async fn a_restaurant_declines_before_and_after_picking_up() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.asks_for_a_table(RESTAURANT).await;
    site.pause_while_it_rings().await;
    restaurant.press("Decline").await;
    site.resume();
    // A declined ring is a busy line: it is tried again, unless the guest has had enough.
    guest.see("#live-wait .wait").await;
    guest.read("Next attempt").await;
    guest.press("Cancel the call").await;
    assert_eq!(guest.verdict().await, "canceled");

    guest.press("Try again").await;
    restaurant.answers(&site).await;
    site.pause();
    restaurant.press("2").await;
    guest.see("[data-outcome=rejected]").await;
    guest.read("They have no table for you").await;
    restaurant.hangs_up(&site).await;
    guest.press("Ask for another time").await;
    let phone = guest
        .field("Restaurant phone")
        .await
        .prop("value")
        .await
        .unwrap();
    assert_eq!(phone.as_deref(), Some(RESTAURANT));
    guest.leave().await;
    restaurant.leave().await;
}

#[tokio::test]
async fn another_time_is_offered_and_one_tap_asks_for_it() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.wishes_for_a_table(RESTAURANT).await;
    guest.see("#fold summary").await.click().await.unwrap();
    guest.see("#flexible").await.click().await.unwrap();
    guest.read("To offer another time, press 3").await;
    guest.press("Call the restaurant").await;
    restaurant.answers(&site).await;
    site.phone_hears_all().await;
    restaurant.press("3").await;
    restaurant.read("type four digits").await;
    restaurant
        .see("body")
        .await
        .send_keys("2115")
        .await
        .unwrap();
    restaurant
        .read("You offer nine fifteen PM: a quarter past nine")
        .await;
    restaurant.accepts_and_stays(&site).await;
    assert_eq!(guest.verdict().await, "countered");
    guest.read("They offer 9:15 PM instead").await;
    restaurant.hangs_up(&site).await;

    guest.press("Ask for 9:15 PM").await;
    site.pause_while_it_rings().await;
    restaurant.press("Answer").await;
    site.resume();
    restaurant
        .read("At nine fifteen PM: a quarter past nine")
        .await;
    restaurant.accepts(&site).await;
    guest.see("[data-outcome=confirmed]").await;
    guest.leave().await;
    restaurant.leave().await;
}

#[tokio::test]
async fn nobody_picks_up_three_times() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.asks_for_a_table("+14155550104").await;
    for _ in 0..2 {
        guest.see(".steps .now + .todo").await;
        guest
            .until("document.querySelector('.steps .now .step-name')?.textContent === 'Ringing'")
            .await;
        site.clock.advance(Duration::from_secs(31));
        guest.see("#live-wait .wait").await;
        guest.read("No answer yet. We will try again.").await;
        site.clock.advance(Duration::from_secs(15 * 60));
        guest
            .until("!document.querySelector('#live-wait .wait')")
            .await;
    }
    guest
        .until("document.querySelector('.steps .now .step-name')?.textContent === 'Ringing'")
        .await;
    site.clock.advance(Duration::from_secs(31));
    assert_eq!(guest.verdict().await, "no_answer");
    guest.read("Nothing is booked").await;
    assert_eq!(
        guest
            .client()
            .find_all(super::webdriver::Locator::Css(".attempts li"))
            .await
            .unwrap()
            .len(),
        3
    );
    guest.button("Try again").await;
    guest.leave().await;
}

#[tokio::test]
async fn wrong_fields_are_told_at_the_fields_in_words() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.wishes_for_a_table("+141555").await;
    guest.fill("Your name", "42").await;
    guest.fill("Party size", "100").await;
    guest.press("Call the restaurant").await;
    for (field, words) in [
        ("name", "At least one letter, please."),
        (
            "phone",
            "This number has too few or too many digits, or lacks its area code. Please give the whole number.",
        ),
        ("party_size", "From 1 to 99."),
    ] {
        let told = guest
            .see(&format!("#{field}-error:not(:empty)"))
            .await
            .text()
            .await
            .unwrap();
        assert_eq!(told, words);
        let described = guest
            .run(&format!(
                "return document.getElementById({field:?}).getAttribute('aria-describedby')"
            ))
            .await;
        assert!(
            described
                .as_str()
                .unwrap()
                .contains(&format!("{field}-error")),
            "{described}"
        );
        guest.see(&format!("#{field}[aria-invalid=true]")).await;
    }
    guest.until("document.activeElement.id === 'name'").await;
    let complaints = guest.complaints().await;
    assert!(
        complaints.iter().all(|line| line.contains("422")),
        "{complaints:?}"
    );
}

#[tokio::test]
async fn several_phones_ring_at_once_and_the_wire_tells_all() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.asks_for_a_table(RESTAURANT).await;
    restaurant.answers(&site).await;
    guest.asks_for_a_table("+14155552672").await;
    restaurant.see(".line.rings").await.click().await.unwrap();
    restaurant.answers(&site).await;
    assert_eq!(site.newest_phone().await["to"], "+14155552672");
    restaurant.accepts(&site).await;
    assert_eq!(guest.verdict().await, "confirmed");
    restaurant.see(".exchanges .code").await;
    restaurant
        .run("[...document.querySelectorAll('.exchanges summary')].find((it) => it.textContent.includes('key 1')).click()")
        .await;
    restaurant.read("Signature accepted").await;
    restaurant.read("<Response").await;
    restaurant.read("Digits").await;

    restaurant
        .run("document.getElementById('wrong').open = true")
        .await;
    restaurant
        .see("[data-fault=unsigned]")
        .await
        .click()
        .await
        .unwrap();
    restaurant.read("1 on").await;
    restaurant.press("Switch all off").await;
    restaurant
        .until("document.getElementById('faults-on').hidden")
        .await;
    restaurant
        .run("document.getElementById('numbers').open = true")
        .await;
    // The number of the call in the hand is proposed first.
    restaurant
        .until("document.getElementById('number').value !== ''")
        .await;
    restaurant.fill("Number", "+14155552673").await;
    restaurant
        .field("Behaviour")
        .await
        .select_by_label("Is busy")
        .await
        .unwrap();
    restaurant.press("Set").await;
    restaurant.button("Reset +14155552673").await;
    guest.leave().await;
    restaurant.leave().await;
}

#[tokio::test]
async fn a_key_is_asked_for_and_kept() {
    needs!("chromium", "chromedriver");
    let keys = Some("guest:a-secret-of-some-length".to_owned());
    let site = TestSite::with(RawConfig::default().with(|it| it.clients.api_keys = keys)).await;
    let guest = Tab::open(&site.origin).await;
    guest.wishes_for_a_table("+14155550101").await;
    guest.press("Call the restaurant").await;
    guest.fill("Key", "not-the-secret-at-all").await;
    guest.press("Use this key").await;
    guest.read("The key on this device was not accepted.").await;
    guest.fill("Key", "a-secret-of-some-length").await;
    guest.press("Use this key").await;
    assert_eq!(guest.verdict().await, "confirmed");
    // The file cannot be had by a plain link: it is fetched with the key and offered as a blob.
    guest.see("a[download]").await.click().await.unwrap();
    guest.see("a[download][href^='blob:']").await;
    let complaints = guest.complaints().await;
    assert!(
        complaints.iter().all(|line| line.contains("401")),
        "{complaints:?}"
    );
}

#[tokio::test]
async fn a_deployment_for_one_restaurant_asks_for_the_guests_own_number() {
    needs!("chromium", "chromedriver");
    let phone = Some(RESTAURANT.to_owned());
    let site =
        TestSite::with(RawConfig::default().with(|it| it.calls.restaurant_phone = phone)).await;
    let guest = Tab::open(&site.origin).await;
    let restaurant = Tab::open(&site.origin).await;
    restaurant.visit("/simulator").await;
    guest.visit("/").await;
    guest.fill("Your name", "Ana García").await;
    guest.fill("Your phone", "+14155550199").await;
    guest.press("Call the restaurant").await;
    restaurant.answers(&site).await;
    assert_eq!(site.newest_phone().await["to"], RESTAURANT);
    site.pause();
    restaurant.press("2").await;
    assert_eq!(guest.verdict().await, "rejected");
    restaurant.hangs_up(&site).await;
    guest.press("Ask for another time").await;
    let own = guest.field("Your phone").await.prop("value").await.unwrap();
    assert_eq!(own.as_deref(), Some("+14155550199"));
    guest.leave().await;
    restaurant.leave().await;
}
