//! Opening hours are picked by days and times, and stand in the field as text.

use super::site::TestSite;

#[tokio::test]
async fn opening_hours_are_picked_or_written() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.dress(375, false).await;
    guest.wishes_for_a_table("+14155550103").await;
    guest.see("#fold summary").await.click().await.unwrap();
    let written = async || {
        guest
            .run("return document.getElementById('opening_hours').value")
            .await
    };

    guest.press("Choose").await;
    guest.see("#hours-dialog[open]").await;
    guest.press("Cancel").await;
    assert_eq!(written().await, "");

    guest.press("Choose").await;
    guest.see("#hours-dialog[open]").await;
    // Monday is the first of the days; lunch and dinner.
    let pick = "const groups = document.querySelectorAll('#hours-groups fieldset'); \
                const [monday] = groups[0].querySelectorAll('input[type=checkbox]'); monday.click(); \
                const times = groups[0].querySelectorAll('input[type=time]'); \
                ['12:00', '14:30', '18:00', '23:00'].forEach((time, at) => { times[at].value = time; });";
    guest.run(pick).await;
    guest
        .see("label.check input#hours-holidays")
        .await
        .click()
        .await
        .unwrap();
    guest.press("Add other days").await;
    guest
        .until("document.querySelectorAll('#hours-groups fieldset').length === 2")
        .await;
    guest.press("Remove these days").await;
    guest
        .until("document.querySelectorAll('#hours-groups fieldset').length === 1")
        .await;
    guest.press("Add other days").await;
    guest.press("Use these hours").await;
    guest
        .until("!document.getElementById('hours-dialog').open")
        .await;
    let picked = written().await;
    let picked = picked.as_str().unwrap();
    assert!(picked.ends_with("; PH off"), "{picked}");

    // What was picked comes up again.
    guest
        .fill("Opening hours", "Tu-Su 12:00-14:30,18:00-23:00; PH off")
        .await;
    guest.press("Choose").await;
    guest.see("#hours-dialog[open]").await;
    guest.press("Use these hours").await;
    assert_eq!(written().await, "Tu-Su 12:00-14:30,18:00-23:00; PH off");

    // What only the text can say is not thrown away without a word.
    let more = "Mo-Su 12:00-14:00,18:00-20:00; Dec 24 off";
    guest.fill("Opening hours", more).await;
    guest.press("Choose").await;
    let note = guest.see("#hours-more:not([hidden])").await;
    assert!(note.text().await.unwrap().contains(more));
    guest.press("Cancel").await;
    assert_eq!(written().await, more);

    guest.fill("Opening hours", "evenings").await;
    guest.press("Call the restaurant").await;
    guest.read("These opening hours cannot be read.").await;
    guest.fill("Opening hours", "12:00-14:00").await;
    guest.press("Call the restaurant").await;
    guest.read("The restaurant is closed at that time.").await;
    // The browser itself reports each refused request.
    guest.complaints().await;
    guest.leave().await;
}
