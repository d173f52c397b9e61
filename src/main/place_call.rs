//! `tablecall call`: places one call and follows it to its end.

use std::process::ExitCode;

use tablecall::remote;

use super::arguments::CallArgs;
use super::exit::{
    COUNTERED, DECLINED, INTERRUPTED, LOST, NO_KEY, NOT_REACHED, NOT_TABLECALL, REFUSED, TRY_LATER,
    UNAVAILABLE, USAGE,
};
use super::{complain, in_runtime, say};

/// Places a call and follows it. The exit status is its result; the help of the command lists them.
pub(super) fn place_call(args: CallArgs) -> ExitCode {
    let body = match body_of(&args) {
        Ok(body) => body,
        Err(wrong) => return complain(&wrong, USAGE),
    };
    let server = match remote::RemoteService::new(&args.url, args.key.clone()) {
        Ok(server) => server,
        Err(error) => return complain(&format!("--url {error}"), USAGE),
    };
    in_runtime(async move {
        let Ok(http) = tablecall::http_client() else {
            return complain("no HTTP client can be built", UNAVAILABLE);
        };
        let call = tokio::select! {
            placed = server.place(&http, &body) => placed,
            _signal = tokio::signal::ctrl_c() => {
                let words = "interrupted while asking: the call may have been placed";
                return complain(words, INTERRUPTED);
            }
        };
        match call {
            Ok(call) => follow_call(&server, &http, &call, &args).await,
            Err(error) => refused(&error),
        }
    })
}

/// The body of `POST /api/call`.
fn body_of(args: &CallArgs) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    let mut body = serde_json::Map::new();
    body.extend(
        [
            ("name", &args.name),
            ("phone", &args.phone),
            ("time", &args.time),
        ]
        .map(|(field, value)| (field.to_owned(), value.as_str().into())),
    );
    body.insert("party_size".to_owned(), args.party_size.into());
    for field in &args.more {
        let (field, value) = field.split_once('=').ok_or("--with needs FIELD=VALUE")?;
        // `attempts` is a number and `alternatives` an object; everything else is text.
        let plain = field != "attempts" && !value.starts_with('{');
        let value = if plain {
            value.into()
        } else {
            serde_json::from_str(value).unwrap_or_else(|_| value.into())
        };
        // The API takes no field twice either: it is not known which one was meant.
        if body.insert(field.to_owned(), value).is_some() {
            return Err(format!("--with {field}=… gives {field} a second time"));
        }
    }
    Ok(body)
}

/// Prints the call until it has ended, or Ctrl-C ends the watching.
async fn follow_call(
    server: &remote::RemoteService,
    http: &reqwest::Client,
    call: &serde_json::Value,
    args: &CallArgs,
) -> ExitCode {
    let id = call["id"].as_str().unwrap_or_default();
    if !args.json {
        let _said = say(&format!("call {id}"));
    }
    let mut progress = remote::Progress::default();
    let print = |call: &serde_json::Value| {
        if args.json {
            let _said = say(&call.to_string());
        } else {
            progress.tell(call, |line| {
                let _said = say(&line);
            });
        }
    };
    let mut followed = std::pin::pin!(server.follow_placed(http, id, print));
    let mut canceled = false;
    loop {
        tokio::select! {
            ended = &mut followed => {
                return match ended {
                    Ok(last) => {
                        if let (Some(time), false) = (last["offered_time"].as_str(), args.json) {
                            let _said = say(&format!("they offer {time}"));
                        }
                        decided(last["outcome"].as_str().unwrap_or_default(), args.json)
                    }
                    Err(error) => refused(&error),
                };
            }
            _signal = tokio::signal::ctrl_c() => {
                if canceled || !args.cancel_on_interrupt {
                    let url = server.url_of(id);
                    let words = format!(
                        "the call goes on. To cancel it: curl -X POST {url}/cancel, with the key as Authorization: \
                         Bearer where one is needed; or use --cancel-on-interrupt"
                    );
                    return complain(&words, INTERRUPTED);
                }
                canceled = true;
                if let Err(error) = server.cancel(http, id).await {
                    let _told = complain(&error.to_string(), INTERRUPTED);
                }
            }
        }
    }
}

/// The exit status for an outcome.
pub(super) fn decided(outcome: &str, json: bool) -> ExitCode {
    let said = if json {
        ExitCode::SUCCESS
    } else {
        say(outcome)
    };
    match outcome {
        "confirmed" => said,
        "rejected" | "opted_out" => ExitCode::from(DECLINED),
        "countered" => ExitCode::from(COUNTERED),
        _ => ExitCode::from(NOT_REACHED),
    }
}

/// Prints why no call was placed, or why it is lost from sight; the exit status gives the kind of error.
fn refused(error: &remote::RemoteError) -> ExitCode {
    let status = match error {
        remote::RemoteError::Refused { status: 401, .. } => NO_KEY,
        remote::RemoteError::Refused {
            status: 429 | 500..,
            ..
        } => TRY_LATER,
        remote::RemoteError::Refused { .. } => REFUSED,
        remote::RemoteError::Unsendable => USAGE,
        remote::RemoteError::Lost { .. } => LOST,
        remote::RemoteError::NotTablecall { .. }
        | remote::RemoteError::NotHttp { .. }
        | remote::RemoteError::Silent { .. } => NOT_TABLECALL,
        remote::RemoteError::Unreachable { .. }
        | remote::RemoteError::Cut(_)
        | remote::RemoteError::Unwell { .. } => UNAVAILABLE,
    };
    complain(&error.to_string(), status)
}
