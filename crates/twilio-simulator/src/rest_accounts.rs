//! The account, its numbers and its applications on the REST side.

use serde_json::{Value, json};

use super::http_method::HttpMethod;
use super::moments::rfc2822;
use super::parameters::FormParameters;
use super::rest_error::RestError;
use super::rest_request::{Answered, RestAnswer, RestRequest, base, list, with_sid};
use super::{Inner, form};

/// An application: the URLs of the calls that are made with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Application {
    /// `AP…`
    pub(super) sid: String,
    pub(super) created_at: jiff::Timestamp,
    pub(super) friendly_name: String,
    pub(super) voice: Option<(HttpMethod, String)>,
    pub(super) fallback: Option<(HttpMethod, String)>,
    pub(super) callback: Option<(HttpMethod, String)>,
}

pub(super) fn account(sim: &Inner) -> Value {
    let sid = &sim.config.account_sid;
    let uri = |name: &str| format!("{}/{name}.json", base(sim));
    let date = rfc2822(sim.started_at);
    json!({
        "sid": sid,
        "friendly_name": "Simulated account",
        "status": "active",
        "type": if sim.config.trial { "Trial" } else { "Full" },
        "auth_token": "",
        "owner_account_sid": sid,
        "date_created": date,
        "date_updated": date,
        "uri": format!("{}.json", base(sim)),
        "subresource_uris": {
            "applications": uri("Applications"),
            "available_phone_numbers": uri("AvailablePhoneNumbers"),
            "balance": uri("Balance"),
            "calls": uri("Calls"),
            "conferences": uri("Conferences"),
            "incoming_phone_numbers": uri("IncomingPhoneNumbers"),
            "messages": uri("Messages"),
            "notifications": uri("Notifications"),
            "outgoing_caller_ids": uri("OutgoingCallerIds"),
            "queues": uri("Queues"),
            "recordings": uri("Recordings"),
            "transcriptions": uri("Transcriptions"),
            "usage": uri("Usage"),
        },
    })
}

pub(super) fn accounts(sim: &Inner, request: &RestRequest<'_>) -> Answered {
    list(request, "accounts", vec![with_sid(account(sim))])
}

/// `IncomingPhoneNumbers`, all of them or one.
pub(super) fn numbers(sim: &Inner, request: &RestRequest<'_>, sid: Option<&str>) -> Answered {
    let wanted = form::first(&request.query, "PhoneNumber");
    let magic = ["+15005550006".to_owned()];
    let owned = if sim.config.owned_numbers.is_empty() {
        &magic[..]
    } else {
        &sim.config.owned_numbers
    };
    let date = rfc2822(sim.started_at);
    let items = owned.iter().enumerate().map(|(at, number)| {
        let sid = format!("PN{at:032x}");
        let uri = format!("{}/IncomingPhoneNumbers/{sid}.json", base(sim));
        json!({
            "sid": sid, "account_sid": sim.config.account_sid, "phone_number": number,
            "friendly_name": number, "date_created": date, "date_updated": date,
            "capabilities": {"voice": true, "sms": false, "mms": false, "fax": false},
            "voice_url": sim.config.voice_url.as_deref().unwrap_or_default(),
            "voice_method": "POST", "status": "in-use", "api_version": "2010-04-01", "uri": uri,
        })
    });
    let fits = |item: &Value| {
        wanted.is_none_or(|wanted| item["phone_number"] == wanted)
            && sid.is_none_or(|sid| item["sid"] == sid)
    };
    let mut items: Vec<_> = items.filter(fits).map(with_sid).collect();
    match (sid, items.pop()) {
        (None, last) => {
            items.extend(last);
            list(request, "incoming_phone_numbers", items)
        }
        (Some(_), Some((_, one))) => Ok(RestAnswer::one("IncomingPhoneNumber", one)),
        (Some(_), None) => Err(request.not_found()),
    }
}

fn application(sim: &Inner, application: &Application) -> Value {
    let url = |target: &Option<(HttpMethod, String)>| {
        target
            .as_ref()
            .map(|(_, url)| url.clone())
            .unwrap_or_default()
    };
    let method = |target: &Option<(HttpMethod, String)>| {
        target.as_ref().map_or("POST", |(method, _)| method.word())
    };
    let date = rfc2822(application.created_at);
    json!({
        "sid": application.sid, "account_sid": sim.config.account_sid,
        "friendly_name": application.friendly_name, "api_version": "2010-04-01",
        "date_created": date, "date_updated": date,
        "voice_url": url(&application.voice), "voice_method": method(&application.voice),
        "voice_fallback_url": url(&application.fallback),
        "voice_fallback_method": method(&application.fallback),
        "status_callback": url(&application.callback),
        "status_callback_method": method(&application.callback),
        "voice_caller_id_lookup": false,
        "uri": format!("{}/Applications/{}.json", base(sim), application.sid),
    })
}

/// Sets what the parameters of a request name.
fn set_parameters(
    application: &mut Application,
    parameters: &FormParameters<'_>,
) -> Result<(), RestError> {
    if let Some(name) = parameters.get("FriendlyName") {
        name.clone_into(&mut application.friendly_name);
    }
    let targets = [
        ("VoiceUrl", "VoiceMethod", &mut application.voice),
        (
            "VoiceFallbackUrl",
            "VoiceFallbackMethod",
            &mut application.fallback,
        ),
        (
            "StatusCallback",
            "StatusCallbackMethod",
            &mut application.callback,
        ),
    ];
    for (name, method, target) in targets {
        let method = parameters.method(method)?;
        if let Some(url) = parameters.url(name, RestError::BadUrl)? {
            *target = Some((method, url));
        }
    }
    Ok(())
}

/// `Applications`: lists, makes, changes and deletes them.
pub(super) fn applications(sim: &Inner, request: &RestRequest<'_>, sid: Option<&str>) -> Answered {
    if let (None, true) = (sid, request.is_get()) {
        let name = form::first(&request.query, "FriendlyName");
        let state = sim.lock();
        let all = state.applications.iter().rev();
        let fitting = all.filter(|it| name.is_none_or(|name| it.friendly_name == name));
        let items = fitting.map(|it| with_sid(application(sim, it))).collect();
        return list(request, "applications", items);
    }
    let now = sim.clock.now();
    let mut changed = match sid {
        None => Application {
            sid: format!("AP{}", uuid::Uuid::new_v4().simple()),
            created_at: now,
            ..Application::default()
        },
        Some(sid) => {
            let state = sim.lock();
            let mut all = state.applications.iter();
            let found = all.find(|it| it.sid == sid);
            found.cloned().ok_or_else(|| request.not_found())?
        }
    };
    if request.is_get() {
        return Ok(RestAnswer::one("Application", application(sim, &changed)));
    }
    if request.is_post() {
        set_parameters(&mut changed, &FormParameters(&request.form))?;
    }
    sim.change(|state| {
        state.applications.retain(|it| it.sid != changed.sid);
        if request.is_post() {
            state.applications.push(changed.clone());
        }
    });
    let body = application(sim, &changed);
    Ok(match (request.is_post(), sid) {
        (true, None) => RestAnswer::created("Application", body),
        (true, Some(_)) => RestAnswer::one("Application", body),
        (false, _) => RestAnswer::deleted(),
    })
}
