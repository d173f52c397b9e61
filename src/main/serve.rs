//! `tablecall serve`: starts the service and runs it until it is stopped.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clock::Clock;
use tablecall::app::App;
use tablecall::app::stop::Signals;
use tablecall::config::{Config, RawConfig, TwilioBackend};
use tablecall::{Destination, Format, Reports, doctor};

use super::exit::UNAVAILABLE;
use super::start;
use super::{complain, configuration, in_runtime};

/// Environment variables that identify platforms which run several instances by default.
const AUTOSCALING_ENV_VARS: [&str; 5] = [
    "FLY_MACHINE_ID",
    "K_SERVICE",
    "KUBERNETES_SERVICE_HOST",
    "ECS_CONTAINER_METADATA_URI_V4",
    "CONTAINER_APP_NAME",
];

pub(super) fn run_server(given: &RawConfig) -> ExitCode {
    let config = match configuration(given) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let terminal = std::io::stderr().is_terminal();
    let format = config.observability.log_format.unwrap_or(if terminal {
        Format::Text
    } else {
        Format::Json
    });
    let reports = config
        .observability
        .reports
        .as_ref()
        .map(|to| reports(to, &config));
    let Ok(reports) = reports.transpose() else {
        return complain("no client for SENTRY_DSN can be built", UNAVAILABLE);
    };
    let _running =
        match tablecall::init_telemetry(format, &config.observability.log_filter, reports) {
            Ok(running) => running,
            Err(error) => return complain(&error.to_string(), UNAVAILABLE),
        };
    if matches!(config.carrier, TwilioBackend::Twilio { .. })
        && config.service_name == doctor::DEFAULT_NAME
    {
        tracing::warn!(
            "calls are made in the name of \"Tablecall\": set TABLECALL_SERVICE_NAME to who you are, as the law of many \
             countries asks of a caller"
        );
    }
    let forgets = config.do_not_call_file.is_none() && config.shared.is_none();
    if matches!(config.carrier, TwilioBackend::Twilio { .. }) && forgets {
        tracing::warn!(
            "TABLECALL_DO_NOT_CALL_FILE is not set: restaurants that ask not to be called are forgotten when this process ends"
        );
    }
    for warning in &config.warnings {
        tracing::warn!(setting = %warning.name, "{}", warning.message);
    }
    let several = AUTOSCALING_ENV_VARS
        .iter()
        .find(|name| std::env::var_os(name).is_some());
    if let (TwilioBackend::Twilio { .. }, None, Some(name)) =
        (&config.carrier, &config.shared, several)
    {
        tracing::warn!(
            sign = name,
            "this platform may run several machines, and REDIS_URL is not set: each of them keeps its own calls, so run one \
             machine only, or let them share a Redis"
        );
    }
    in_runtime(serve(config, format))
}

fn reports(to: &Destination, config: &Config) -> Result<Reports, reqwest::Error> {
    let http = tablecall::http_client_trusting(&config.authorities)
        .timeout(Duration::from_secs(10))
        .build()?;
    let release = concat!(
        "tablecall@",
        env!("CARGO_PKG_VERSION"),
        "+",
        env!("TABLECALL_COMMIT")
    );
    Ok(Reports::new(
        to,
        release.to_owned(),
        config.observability.environment.clone(),
        http,
    ))
}

pub(super) async fn serve(config: Config, format: Format) -> ExitCode {
    let simulated = matches!(config.carrier, TwilioBackend::Simulator(_));
    let made = config
        .webhook_secrets
        .first()
        .filter(|_| config.is_secret_made)
        .map(|made| made.reveal().to_owned());
    let mut signals = Signals::listen();
    let app = match App::bind(config, Clock::system()).await {
        Ok(app) => app,
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            return start::fail(format, &format!("{error}{cause}"), UNAVAILABLE);
        }
    };
    start::greet(format, app.address(), simulated, made.as_deref());
    let (tell, told) = tokio::sync::oneshot::channel();
    let running = app.run_until(async {
        let _sender_is_kept = told.await;
    });
    tokio::pin!(running);
    let mut tell = Some(tell);
    loop {
        tokio::select! {
            result = &mut running => return match result {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => start::fail(format, &error.to_string(), UNAVAILABLE),
            },
            code = signals.next() => match tell.take() {
                Some(tell) => {
                    let _stopping_already = tell.send(());
                }
                None => {
                    tracing::warn!("told to stop a second time: what is not finished is left");
                    return ExitCode::from(code);
                }
            },
        }
    }
}
