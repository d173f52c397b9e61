//! The files that are sent, their size, and the parts that a browser needs to install the app.

use serde_json::Value;

use super::site::TestSite;
use super::tab::Tab;

/// The budget of the first view, with everything the service worker puts aside.
const BUDGET: u64 = 150 * 1024;

#[tokio::test]
async fn the_first_view_is_light_and_quick() {
    needs!("chromium", "chromedriver");
    let (site, guest) = TestSite::with_guest().await;
    guest.visit("/").await;
    let page = site.sent();
    guest
        .until("navigator.serviceWorker.ready.then(() => true)")
        .await;
    let all = site.sent();
    let painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
    guest.until(&format!("{painted} > 0")).await;
    let paint = guest
        .run(&format!("return {painted}"))
        .await
        .as_f64()
        .unwrap();
    println!(
        "first view: {} KB, with the service worker {} KB; first contentful paint: {paint:.0} ms",
        page / 1024,
        all / 1024
    );
    assert!(all < BUDGET, "{all} bytes");
    guest.leave().await;
}

#[tokio::test]
async fn the_app_can_be_installed() {
    needs!("chromium", "chromedriver");
    let (_site, guest) = TestSite::with_guest().await;
    guest.visit("/").await;
    guest
        .until("navigator.serviceWorker.ready.then(() => true)")
        .await;
    let told = guest
        .devtools("Page.getAppManifest", serde_json::json!({}))
        .await;
    assert_eq!(told["errors"], serde_json::json!([]), "{told}");
    let manifest: Value = serde_json::from_str(told["data"].as_str().unwrap()).unwrap();
    let icons = manifest["icons"].as_array().unwrap();
    for (purpose, size) in [
        ("any", "192x192"),
        ("any", "512x512"),
        ("maskable", "192x192"),
        ("maskable", "512x512"),
    ] {
        let icon = icons
            .iter()
            .find(|icon| icon["purpose"] == purpose && icon["sizes"] == size);
        let path = icon.expect("there is such an icon")["src"]
            .as_str()
            .unwrap();
        let side: u32 = size.split_once('x').unwrap().0.parse().unwrap();
        guest.until(&format!("(async () => {{ const it = new Image(); it.src = {path:?}; await it.decode(); return it.naturalWidth === {side}; }})()")).await;
    }
    let obstacles = guest
        .devtools("Page.getInstallabilityErrors", serde_json::json!({}))
        .await;
    let obstacles = obstacles["installabilityErrors"]
        .as_array()
        .unwrap()
        .clone();
    // A browser without a window cannot install anything; that is no fault of the page.
    let ours: Vec<_> = obstacles
        .iter()
        .filter(|it| it["errorId"] != "in-incognito")
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
    guest.leave().await;
}

#[tokio::test]
async fn the_type_of_a_problem_leads_to_what_can_be_done_about_it() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let reader = Tab::open(&site.origin).await;
    // As every problem has it: `Answer::is_problem` looks.
    reader
        .client()
        .goto(&format!("{}/docs#call_not_found", site.origin))
        .await
        .unwrap();
    reader.see("#call_not_found.sought + dd").await;
    let seen = "(() => { const { top, bottom } = document.getElementById('call_not_found').getBoundingClientRect(); \
                return top >= 0 && bottom <= innerHeight; })()";
    reader.until(seen).await;
    assert!(
        reader.text().await.contains("was made with another key"),
        "it says what to do"
    );
    reader.leave().await;
}

#[tokio::test]
async fn an_example_of_the_documents_works_when_it_is_pressed() {
    needs!("chromium", "chromedriver");
    let site = TestSite::start().await;
    let reader = Tab::open(&site.origin).await;
    reader.visit("/docs").await;
    reader
        .see(".opblock-post .opblock-summary-control")
        .await
        .click()
        .await
        .unwrap();
    reader.press("Execute").await;
    let status = reader
        .see(".live-responses-table .response-col_status")
        .await;
    reader
        .until(
            "document.querySelector('.live-responses-table tbody .response-col_status')?.textContent.startsWith('202')",
        )
        .await;
    drop(status);
    for path in ["/", "/simulator"] {
        reader
            .see(&format!(".bar a[href={path:?}]:not([hidden])"))
            .await;
    }
    reader.leave().await;
}
