//! One tab: finds things as people do, by label and name, and waits for what must come. No test
//! waits by itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::chromium::{Chromium, Lacking};
use super::webdriver::{Client, Element, Locator, PATIENCE};

const AXE: &str = include_str!("axe.min.js");

/// The tab of a browser, at one site.
pub(crate) struct Tab {
    chromium: Chromium,
    origin: String,
}

impl Tab {
    /// A tab 1280 pixels wide, in light, for somebody who reads English.
    pub(crate) async fn open(origin: &str) -> Self {
        Self::reading("en-US", origin).await
    }

    /// The same for somebody who reads `language`.
    pub(crate) async fn reading(language: &str, origin: &str) -> Self {
        let tab = Self {
            chromium: Chromium::start(language, &Lacking::default()).await,
            origin: origin.to_owned(),
        };
        tab.dress(1280, false).await;
        tab
    }

    /// A tab in a browser that lacks something, as it comes: without scripts it could not say when
    /// it is dressed.
    pub(crate) async fn lacking(lacking: &Lacking, origin: &str) -> Self {
        Self {
            chromium: Chromium::start("en-US", lacking).await,
            origin: origin.to_owned(),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.chromium.client
    }

    /// Another width, another light.
    pub(crate) async fn dress(&self, width: u32, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        // Motion is reduced, as some ask for it: an animation is never half done when it is looked
        // at.
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}
        ]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
        // What is looked at next is what is drawn: a new dress is on once two frames have passed.
        let drawn = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));";
        self.client()
            .execute_async(drawn)
            .await
            .expect("two frames");
    }

    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.client()
            .post("goog/cdp/execute", body)
            .await
            .expect(command)
    }

    /// Goes to a page.
    pub(crate) async fn goes_to(&self, path: &str) {
        self.client()
            .goto(&format!("{}{path}", self.origin))
            .await
            .unwrap();
    }

    /// Goes to a page and waits until it says that it is ready.
    pub(crate) async fn visit(&self, path: &str) {
        self.goes_to(path).await;
        if path == "/docs" {
            self.see(".opblock").await;
        } else {
            self.see("html[data-ready]").await;
        }
    }

    /// The element that `css` describes, once it is there.
    pub(crate) async fn see(&self, css: &str) -> Element {
        let found = self.client().find(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "{css} never came: {error}\nthe page says: {}",
                self.text().await
            ),
        }
    }

    /// Waits for an element with this text.
    pub(crate) async fn read(&self, text: &str) -> Element {
        let path = format!(
            "//body//*[not(self::script)][contains(normalize-space(translate(text(), '\u{a0}', ' ')), {text:?})]"
        );
        let found = self.client().find(Locator::XPath(&path)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "{text:?} was never read: {error}\nthe page says: {}",
                self.text().await
            ),
        }
    }

    /// All text that is on the page.
    pub(crate) async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().replace('\u{a0}', " ")
    }

    /// The field with this label.
    pub(crate) async fn field(&self, label: &str) -> Element {
        let path = format!("//*[@id = //label[normalize-space() = {label:?}]/@for]");
        let found = self.client().find(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("there is no field {label:?}: {error}"))
    }

    /// Types into the field with this label, in place of what is there.
    pub(crate) async fn fill(&self, label: &str, keys: &str) {
        let field = self.field(label).await;
        if field
            .prop("type")
            .await
            .unwrap()
            .is_some_and(|kind| !["date", "time"].contains(&kind.as_str()))
        {
            field.clear().await.unwrap();
        }
        field.send_keys(keys).await.unwrap();
    }

    /// The button with this accessible name, once it is there and can be pressed.
    pub(crate) async fn button(&self, name: &str) -> Element {
        let path = format!(
            "//button[not(@disabled)][@aria-label = {name:?} or (not(@aria-label) and \
             normalize-space(translate(., '\u{a0}', ' ')) = {name:?})]"
        );
        let found = self.client().find(Locator::XPath(&path)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "the button {name:?} never came: {error}\nthe page says: {}",
                self.text().await
            ),
        }
    }

    /// Presses the button with this name.
    pub(crate) async fn press(&self, name: &str) {
        self.button(name)
            .await
            .click()
            .await
            .unwrap_or_else(|error| panic!("{name:?} cannot be pressed: {error}"));
    }

    /// Keys to whatever has the focus when each of them is pressed.
    pub(crate) async fn type_keys(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let keyboard =
            json!({"type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>()});
        let typed = self
            .client()
            .post("actions", json!({"actions": [keyboard]}));
        typed.await.unwrap();
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client().execute(script).await.unwrap()
    }

    /// Waits inside the page until `condition` holds.
    pub(crate) async fn until(&self, condition: &str) {
        let script = format!(
            "const done = arguments[0]; const end = Date.now() + {}; const look = async () => {{ \
             if (await ({condition})) done(true); else if (Date.now() > end) done(false); else setTimeout(look, 30); }}; look();",
            PATIENCE.as_millis() / 2
        );
        let came = self.client().execute_async(&script).await.unwrap();
        assert_eq!(
            came,
            Value::Bool(true),
            "{condition} never held\nthe page says: {}",
            self.text().await
        );
    }

    /// Everything that axe-core finds to be a serious fault for somebody, with where it is.
    pub(crate) async fn faults(&self) -> Vec<String> {
        self.run(AXE).await;
        let script = "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((found) => done(\
                      found.violations.filter((it) => ['serious', 'critical'].includes(it.impact))\
                      .map((it) => it.id + ': ' + it.nodes.map((node) => node.target.join(' ') + ' ' + \
                      (node.any[0]?.message ?? '')).join(' | '))), (error) => done([String(error)]));";
        let found = self.client().execute_async(script).await.unwrap();
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault.as_str().unwrap().to_owned())
            .collect()
    }

    async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self
            .client()
            .post("se/log", json!({"type": kind}))
            .await
            .unwrap();
        entries.as_array().unwrap().clone()
    }

    /// The errors in the console since the last call.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.log("browser").await;
        let grave = entries
            .iter()
            .filter(|entry| ["SEVERE", "WARNING"].contains(&entry["level"].as_str().unwrap()));
        grave
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The origins that were asked since this was asked last.
    pub(crate) async fn asked(&self) -> BTreeSet<String> {
        let messages = self
            .log("performance")
            .await
            .into_iter()
            .filter_map(|entry| {
                let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
                let sent = message["message"]["method"] == "Network.requestWillBeSent";
                sent.then(|| {
                    message["message"]["params"]["request"]["url"]
                        .as_str()
                        .map(str::to_owned)
                })?
            });
        messages
            .filter_map(|url| Some(url::Url::parse(&url).ok()?.origin().ascii_serialization()))
            .collect()
    }

    /// Ends a visit: the console has no errors, and no other host was asked.
    pub(crate) async fn leave(self) {
        assert_eq!(self.complaints().await, Vec::<String>::new());
        // What is in the page itself (`data:`) has no origin.
        let others: Vec<_> = self
            .asked()
            .await
            .into_iter()
            .filter(|it| *it != self.origin && it != "null")
            .collect();
        assert_eq!(others, Vec::<String>::new());
    }
}
