//! The actions of a guest in the app, and of a restaurant at its phone.

use super::site::TestSite;
use super::tab::Tab;

/// A number that rings until somebody acts.
pub(crate) const RESTAURANT: &str = "+14155552671";

impl Tab {
    /// Fills in the first four fields, by their labels, and calls.
    pub(crate) async fn asks_for_a_table(&self, phone: &str) {
        self.wishes_for_a_table(phone).await;
        self.press("Call the restaurant").await;
        self.see("#live:not([hidden]) .steps").await;
    }

    /// Fills in the first four fields; date and time stay as proposed.
    pub(crate) async fn wishes_for_a_table(&self, phone: &str) {
        self.visit("/").await;
        self.fill("Your name", "Ana García").await;
        self.fill("Restaurant phone", phone).await;
        self.fill("Party size", "4").await;
        // The preview moves the button below it when it comes, and a click would miss.
        self.until("document.getElementById('preview').ariaBusy !== 'true'")
            .await;
    }

    /// Picks up and waits until the machine speaks.
    pub(crate) async fn answers(&self, site: &TestSite) {
        site.pause_while_it_rings().await;
        self.press("Answer").await;
        site.resume();
        self.see(".captions .machine").await;
    }

    /// Accepts once the whole message was heard.
    pub(crate) async fn accepts(&self, site: &TestSite) {
        site.phone_hears_all().await;
        site.pause();
        self.press("1").await;
        site.resume();
    }

    /// Accepts once the whole message was heard, and leaves the clock stopped: the machine would say
    /// goodbye and hang up before a slow browser does.
    pub(crate) async fn accepts_and_stays(&self, site: &TestSite) {
        site.phone_hears_all().await;
        site.pause();
        self.press("1").await;
    }

    /// Hangs up, and lets the clock run again.
    pub(crate) async fn hangs_up(&self, site: &TestSite) {
        self.press("Hang up").await;
        site.resume();
    }

    /// The verdict, once it is there: which outcome.
    pub(crate) async fn verdict(&self) -> String {
        self.see("#live-verdict .verdict").await;
        // Asked in the page: the card may be drawn anew between two commands.
        let outcome = "return document.querySelector('#live-verdict .verdict').dataset.outcome";
        let outcome = self.run(outcome).await;
        outcome.as_str().unwrap().to_owned()
    }
}
