//! Notes what Twilio would write into its debugger about a call (`Notifications.json`).

use super::Inner;
use super::call::Notification;

/// Adds an error or a warning (`true`) to a call.
pub(super) fn notify(
    sim: &Inner,
    sid: &str,
    (code, warning): (u32, bool),
    message: String,
    url: &str,
) {
    let notification = Notification {
        sid: format!("NO{}", uuid::Uuid::new_v4().simple()),
        at: sim.clock.now(),
        code,
        warning,
        message,
        url: url.to_owned(),
    };
    sim.change_call(sid, |call| call.notifications.push(notification));
}
