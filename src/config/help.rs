//! The layout of `tablecall serve --help`: settings are grouped by purpose.

use clap::Command;

/// Each setting by its field, under its heading.
const HEADINGS: [(&str, &[&str]); 6] = [
    (
        "Where it is",
        &[
            "listen",
            "port",
            "public_url",
            "trusted_proxies",
            "proxy_protocol",
            "cors_origins",
        ],
    ),
    (
        "Who calls",
        &[
            "twilio_account_sid",
            "twilio_auth_token",
            "twilio_webhook_keys",
            "twilio_api_key",
            "twilio_api_secret",
            "twilio_oauth_client_id",
            "twilio_oauth_client_secret",
            "twilio_from_number",
            "twilio_region",
            "twilio_edge",
            "twilio_api_url",
            "twilio_cps",
            "twilio_lines",
            "twilio_machine_detection",
        ],
    ),
    (
        "Whom it calls, and what is said",
        &[
            "restaurant_phone",
            "restaurant_timezone",
            "service_name",
            "contact_phone",
            "allowed_countries",
            "number_kinds",
            "call_hours",
            "quiet_hours",
            "limits",
            "do_not_call",
            "do_not_call_file",
            "twilio_speech",
        ],
    ),
    (
        "Clients",
        &["api_keys", "webhook_secrets", "allow_private_callbacks"],
    ),
    (
        "What is kept, and where",
        &[
            "ticket_keys",
            "max_calls",
            "retention",
            "redis_url",
            "redis_ca",
            "redis_cert",
            "redis_key",
            "index_key",
        ],
    ),
    (
        "Who watches",
        &[
            "log",
            "log_format",
            "metrics_listen",
            "sentry_dsn",
            "sentry_environment",
            "otlp_endpoint",
            "ssl_cert_file",
        ],
    ),
];

/// Puts every setting that the command has under its heading.
#[must_use]
pub fn with_headings(command: Command) -> Command {
    command.mut_args(|argument| {
        let id = argument.get_id().as_str();
        match HEADINGS.iter().find(|(_, settings)| settings.contains(&id)) {
            Some((heading, _)) => argument.help_heading(*heading),
            None => argument,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::config::RawConfig;

    #[test]
    fn every_setting_stands_under_a_heading_and_no_secret_is_shown() {
        let mut command = with_headings(RawConfig::augment_args(Command::new("serve")));
        let bare: Vec<_> = command
            .get_arguments()
            .filter(|flag| flag.get_help_heading().is_none())
            .collect();
        assert!(bare.is_empty(), "{bare:?}");
        let named: usize = HEADINGS.iter().map(|(_, settings)| settings.len()).sum();
        assert_eq!(
            named,
            command.get_arguments().count(),
            "a heading names what is no setting"
        );
        let secret = |name: &str| {
            ["TOKEN", "SECRET", "KEYS", "_KEY", "DSN", "REDIS"]
                .iter()
                .any(|part| name.contains(part))
        };
        for flag in command.get_arguments() {
            let name = flag.get_env().and_then(|name| name.to_str()).unwrap();
            // The name of an API key of Twilio's is no secret; its secret is.
            let hidden = flag.is_hide_env_values_set() || name == "TWILIO_API_KEY";
            assert!(hidden || !secret(name), "{name} would be shown");
        }
        let help = command.render_help().to_string();
        assert!(
            help.contains("Who watches:") && help.contains("[env: RUST_LOG"),
            "{help}"
        );
    }
}
