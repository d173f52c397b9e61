//! The access key on the device: what can be none, and a dialog that is put aside.

use tablecall::config::RawConfig;

use super::guest::RESTAURANT;
use super::site::TestSite;
use super::tab::Tab;

const SECRET: &str = "a-secret-of-some-length";

async fn keyed() -> TestSite {
    let keys = Some(format!("guest:{SECRET}"));
    TestSite::with(RawConfig::default().with(|it| it.clients.api_keys = keys)).await
}

#[tokio::test]
async fn a_text_that_no_header_can_carry_is_no_key() {
    needs!("chromium", "chromedriver");
    let site = keyed().await;
    let guest = Tab::open(&site.origin).await;
    guest.wishes_for_a_table("+14155550101").await;
    guest.press("Call the restaurant").await;
    guest.fill("Key", "0123456789abcdef…").await;
    guest.press("Use this key").await;
    guest.read("This cannot be a key").await;
    guest.fill("Key", SECRET).await;
    guest.press("Use this key").await;
    assert_eq!(guest.verdict().await, "confirmed");
    // One that an earlier version has kept.
    guest
        .run("localStorage.setItem('tablecall.key', '0123456789abcdef…')")
        .await;
    guest.wishes_for_a_table("+14155550101").await;
    guest.press("Call the restaurant").await;
    guest.fill("Key", SECRET).await;
    guest.press("Use this key").await;
    guest.see("#live:not([hidden]) .steps").await;
}

#[tokio::test]
async fn a_dialog_that_was_put_aside_stays_there_until_somebody_acts() {
    needs!("chromium", "chromedriver");
    let site = keyed().await;
    let guest = Tab::open(&site.origin).await;
    guest.visit("/").await;
    guest
        .run(&format!(
            "localStorage.setItem('tablecall.key', '{SECRET}')"
        ))
        .await;
    guest.asks_for_a_table(RESTAURANT).await;
    guest.see(".steps .now").await;
    guest
        .run(
            "localStorage.setItem('tablecall.key', 'another-secret-altogether'); location.reload()",
        )
        .await;
    guest.see("#key[open]").await;
    let counted = "window.tries = 0; const send = window.fetch; \
                   window.fetch = (...all) => { window.tries += String(all[0]).endsWith('/events'); return send(...all); };";
    guest.run(counted).await;
    guest.press("Not now").await;
    // The call is tried to be followed again and again, and nobody is asked again.
    guest.until("window.tries >= 3").await;
    guest.see("#key:not([open])").await;
    guest.read("An access key is needed to call.").await;
    guest.press("Cancel the call").await;
    guest.fill("Key", SECRET).await;
    guest.press("Use this key").await;
    assert_eq!(guest.verdict().await, "canceled");
}

#[tokio::test]
async fn who_has_an_old_key_is_asked_for_the_new_one_and_tries_the_old_one_no_more() {
    needs!("chromium", "chromedriver");
    let site = keyed().await;
    let guest = Tab::open(&site.origin).await;
    guest.visit("/").await;
    guest
        .run(&format!(
            "localStorage.setItem('tablecall.key', '{SECRET}')"
        ))
        .await;
    guest.asks_for_a_table(RESTAURANT).await;
    guest.see(".steps .now").await;
    // The list looks at the call again and again, and each try with a wrong key counts against
    // this address.
    guest
        .run("localStorage.setItem('tablecall.key', 'another-secret-altogether')")
        .await;
    let counted = "window.tries = 0; window.looks = 0; const send = window.fetch; \
                   window.fetch = async (...all) => { \
                     const answer = await send(...all); \
                     if (answer.status === 401) window.tries += 1; \
                     return answer; }; \
                   const later = window.setTimeout; \
                   window.setTimeout = (work, ms, ...all) => { \
                     if (ms === 5000) { window.looks += 1; ms = 50; } \
                     return later(work, ms, ...all); }; \
                   location.hash = '#/'";
    guest.run(counted).await;
    guest.until("window.looks >= 5").await;
    guest.until("window.tries === 1").await;
    // The service has had enough of wrong keys, from whomever at this address.
    guest
        .run(
            "return (async () => { for (let n = 0; n < 30; n += 1) { \
             await fetch('/api/call', { headers: { authorization: `Bearer wrong-${n}` } }); } })()",
        )
        .await;
    guest.wishes_for_a_table("+14155550101").await;
    guest.press("Call the restaurant").await;
    guest.fill("Key", SECRET).await;
    guest.press("Use this key").await;
    assert_eq!(guest.verdict().await, "confirmed");
}
