//! The cookies of a call (RFC 6265). Each call begins without any and keeps its own until it ends.

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::Inner;
use super::webhook_params::WebhookRequest;
use super::webhook_url::WebhookUrl;

/// The `Cookie` header of a request; longer paths come first, then older cookies.
pub(super) fn header(sim: &Inner, outgoing: &WebhookRequest, url: &WebhookUrl) -> Option<String> {
    let parsed = url::Url::parse(&url.sent()).ok()?;
    let state = sim.lock();
    let call = state.call(&outgoing.call_sid)?;
    // The library takes loopback for secure, as browsers do; Twilio knows no such exception.
    let mut fitting: Vec<_> = call
        .cookies
        .matches(&parsed)
        .into_iter()
        .filter(|cookie| url.scheme == "https" || cookie.secure() != Some(true))
        .collect();
    fitting.sort_by_key(|cookie| std::cmp::Reverse(AsRef::<str>::as_ref(&cookie.path).len()));
    let pairs: Vec<_> = fitting
        .iter()
        .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("; "))
}

/// Keeps the cookies of an answer.
pub(super) fn store(sim: &Inner, outgoing: &WebhookRequest, url: &WebhookUrl, headers: &HeaderMap) {
    let Ok(parsed) = url::Url::parse(&url.sent()) else {
        return;
    };
    let mut state = sim.lock();
    let Some(call) = state.call_mut(&outgoing.call_sid) else {
        return;
    };
    let lines = headers.get_all(SET_COOKIE).iter();
    for line in lines.filter_map(|line| line.to_str().ok()) {
        // A cookie that is not valid for this URL is ignored, as browsers do.
        drop(call.cookies.parse(line, &parsed));
    }
}
