//! Nobody scrolls sideways: every page, in every language of the app, from 320 pixels (which is a
//! window of 1280 at 400 %) to a wide screen.

use tablecall::config::RawConfig;

use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

/// Phones, tablets and windows; 640 is a window of 1280 at 200 %. Around each width at which the
/// styles change there is one on both sides.
const WIDTHS: [u32; 14] = [
    320, 360, 361, 390, 480, 481, 576, 577, 640, 895, 896, 1024, 1280, 1440,
];

/// Elements that stick out of the page, or out of the field they stand in.
const STICKING_OUT: &str = "\
    const width = document.documentElement.clientWidth; \
    const name = (it) => it.tagName + '#' + it.id + '.' + it.className; \
    const found = [...document.querySelectorAll('.bar *, input, select, button')].filter((it) => { \
      const box = it.getBoundingClientRect(); \
      const field = it.closest('.field')?.getBoundingClientRect(); \
      return box.width > 1 && (box.right > width + 0.5 || field && box.right > field.right + 1.5); \
    }).map(name); \
    if (document.documentElement.scrollWidth > width) found.unshift('scrolls: ' + document.documentElement.scrollWidth); \
    return found.join(', ');";

/// Looks at what is shown in every width.
async fn fits(tab: &Tab, what: &str) {
    for width in WIDTHS {
        tab.dress(width, false).await;
        let found = tab.run(STICKING_OUT).await;
        assert_eq!(found, "", "{what}, {width} px");
    }
    tab.dress(1280, false).await;
}

async fn opens_all(tab: &Tab) {
    tab.run("for (const it of document.querySelectorAll('details')) it.open = true")
        .await;
}

/// Lets the app speak each of its languages in turn.
async fn in_every_language(guest: &Tab, what: &str) {
    let codes = guest
        .run("return [...document.getElementById('tongue').options].map((it) => it.value)")
        .await;
    for code in codes.as_array().unwrap() {
        let code = code.as_str().unwrap();
        guest.chooses(code).await;
        fits(guest, &format!("{what} in {code}")).await;
    }
    guest.chooses("en").await;
}

impl Tab {
    async fn chooses(&self, code: &str) {
        let script = format!(
            "const it = document.getElementById('tongue'); it.value = {code:?}; it.dispatchEvent(new Event('change'))"
        );
        self.run(&script).await;
        self.until(&format!(
            "document.documentElement.lang === {code:?} && document.getElementById('tongue-shown').textContent.toLowerCase() === {code:?}"
        ))
        .await;
    }
}

#[tokio::test]
async fn the_app_fits_every_width_in_every_language() {
    needs!("chromium", "chromedriver");
    // A name longer than any bar has room for.
    let name = Some("The Reservations of the Grand Hotel at the Old Harbour".to_owned());
    let site = TestSite::with(RawConfig::default().with(|it| it.calls.service_name = name)).await;
    let guest = Tab::open(&site.origin).await;
    guest.wishes_for_a_table(RESTAURANT).await;
    guest
        .run("document.getElementById('flexible').click()")
        .await;
    opens_all(&guest).await;
    // One word, longer than the narrowest window.
    guest
        .fill(
            "Name of the restaurant",
            "Donaudampfschifffahrtskapitänsmützenrestaurant",
        )
        .await;
    guest
        .until("document.querySelector('.heard-text')?.textContent.includes('Donaudampf')")
        .await;
    in_every_language(&guest, "the form").await;
    guest.press("Choose").await;
    fits(&guest, "the opening hours").await;
    guest.press("Cancel").await;
    guest.press("Call the restaurant").await;
    site.pause_while_it_rings().await;
    guest.see(".steps .now").await;
    in_every_language(&guest, "a call under way").await;
    site.resume();
    site.phone_answers().await;
    site.phone_accepts().await;
    assert_eq!(guest.verdict().await, "confirmed");
    guest.see(".verdict .row").await;
    opens_all(&guest).await;
    in_every_language(&guest, "a verdict").await;
    guest.visit("/").await;
    guest.see("#recent .chip").await;
    in_every_language(&guest, "the recent calls").await;
    guest.leave().await;
}

#[tokio::test]
async fn the_other_pages_fit_every_width() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    let reader = Tab::open(&site.origin).await;
    reader.visit("/docs").await;
    fits(&reader, "the documents").await;
    reader.goes_to("/no-such-page").await;
    fits(&reader, "no page").await;
    reader.visit("/simulator").await;
    opens_all(&reader).await;
    fits(&reader, "an idle phone").await;
    guest.asks_for_a_table(RESTAURANT).await;
    site.pause_while_it_rings().await;
    reader.button("Answer").await;
    fits(&reader, "a phone that rings").await;
    reader.answers(&site).await;
    reader.press("5").await;
    reader.see(".pressed").await;
    opens_all(&reader).await;
    reader.see(".inside table").await;
    fits(&reader, "a conversation").await;
}
