//! The program: reads the command line and the environment, and nothing else does.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clock::Clock;
use tablecall::app::App;
use tablecall::app::stop::Signals;
use tablecall::config::{Config, RawConfig, TwilioBackend, with_headings};
use tablecall::{Destination, Reports};
use tablecall::{Format, TicketKey};
use tablecall::{doctor, remote};

use simulator_command::SimulatorArgs;
use start::complain_of;

#[path = "main/mcp_command.rs"]
mod mcp_command;
#[path = "main/simulator_command.rs"]
mod simulator_command;
#[path = "main/start.rs"]
mod start;

/// A create makes some three hundred small allocations; with glibc's allocator they are a fifth of
/// its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Wrong settings (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;
/// The restaurant made no decision.
const NOT_REACHED: u8 = 1;
/// The restaurant declined.
const DECLINED: u8 = 2;
/// The restaurant offered another time.
const COUNTERED: u8 = 3;
/// The server refuses the request as it is (`EX_DATAERR`).
const REFUSED: u8 = 65;
/// The server takes no calls now, or not so many (`EX_TEMPFAIL`).
const TRY_LATER: u8 = 75;
/// The server is not Tablecall (`EX_PROTOCOL`).
const NOT_TABLECALL: u8 = 76;
/// The server wants another key (`EX_NOPERM`).
const NO_KEY: u8 = 77;
/// Ended by Ctrl-C.
const INTERRUPTED: u8 = 130;
/// Cannot be served (`EX_UNAVAILABLE`).
const UNAVAILABLE: u8 = 69;

/// Phones a restaurant, reads a table reservation aloud, and brings back the answer pressed on the
/// keypad
///
/// Without a command it serves. Without a Twilio account a simulator is the carrier: no real phone
/// rings, and nothing has to be set.
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES, version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TABLECALL_COMMIT"), ")"), args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Box<RawConfig>,
}

const EXAMPLES: &str = "\
Examples:
  tablecall                   serve with the simulator, on http://127.0.0.1:8080
  tablecall serve --help      every setting, by what it is for
  tablecall doctor            check the settings against the Twilio account
  tablecall --version --verbose
                              the versions of the data about numbers and zones, too
  tablecall mcp               tools for agents, to try with a simulated carrier
  tablecall call --name Ana --phone +14155550101 --time 2027-06-18T19:30 --party-size 4

Exit status: 0 done, 64 wrong settings, 69 cannot be served; those of a call: tablecall call --help.";

const CALL_EXAMPLES: &str = "\
Exit status:
    0  confirmed
    1  nobody decided: not reached, a machine, no key, cancelled
    2  declined
    3  another time was offered
   64  wrong arguments
   65  the server refuses the request as it is (409, 422)
   69  nobody answers at --url
   75  the server takes no calls now (429, 5xx)
   76  what answers at --url is no Tablecall server
   77  the server wants another key (401)
  130  ended by Ctrl-C: the call goes on unless --cancel-on-interrupt is given";

const SERVE_EXAMPLES: &str = "\
Examples:
  tablecall serve --listen 127.0.0.1:9000
  TABLECALL_PUBLIC_URL=https://calls.example.com PORT=8080 \\
  TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… TWILIO_FROM_NUMBER=+14155550199 \\
  TABLECALL_API_KEYS=web:… tablecall serve

Each setting is a flag or a variable of the environment; the flag goes before.
All that is wrong is told at once, by name, before anything is bound: status 64.
SIGTERM stops in order within 25 s, a second one at once.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, the webhooks and the pages (the default)
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<RawConfig>),
    /// Print the OpenAPI document
    Openapi {
        /// In YAML instead of JSON
        #[arg(long)]
        yaml: bool,
    },
    /// Run the simulated carrier alone, for `TWILIO_API_URL` of one or several instances
    Simulator(Box<SimulatorArgs>),
    /// Make a key for `TABLECALL_TICKET_KEYS`
    Keygen,
    /// Check the configuration against the Twilio account and the public URL; nothing is dialled
    Doctor(Box<DoctorArgs>),
    /// Place a call through a running server and follow it
    #[command(after_help = CALL_EXAMPLES)]
    Call(CallArgs),
    /// Serve tools for agents over standard input and output (Model Context Protocol)
    #[command(after_help = mcp_command::EXAMPLES)]
    Mcp(mcp_command::McpArgs),
    /// Ask the server that runs beside this, with the same settings, whether it is alive
    Health(HealthArgs),
}

#[derive(Args, Debug)]
struct DoctorArgs {
    /// Where dialling permissions are asked for, if not at Twilio
    #[arg(long, env = "TWILIO_VOICE_URL", value_name = "URL")]
    voice_url: Option<String>,
    #[command(flatten)]
    given: RawConfig,
}

#[derive(Args, Debug)]
struct CallArgs {
    /// The server
    #[arg(
        long,
        env = "TABLECALL_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
    /// Secret of an API key of the server
    #[arg(
        long,
        env = "TABLECALL_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    key: Option<String>,
    /// The guest's name
    #[arg(long)]
    name: String,
    /// The restaurant's number
    #[arg(long)]
    phone: String,
    /// The table's date and time there, as in 2026-12-04T19:30
    #[arg(long)]
    time: String,
    /// How many guests
    #[arg(long)]
    party_size: u32,
    /// Any other field of `POST /api/call`, as name=value
    #[arg(long = "with", value_name = "FIELD=VALUE")]
    more: Vec<String>,
    /// Print each state of the call as a line of JSON
    #[arg(long)]
    json: bool,
    /// Cancel the call on Ctrl-C; without this it goes on
    #[arg(long)]
    cancel_on_interrupt: bool,
}

#[derive(Args, Debug)]
struct HealthArgs {
    /// Its address; 127.0.0.1:8080 by default
    #[arg(long, env = "TABLECALL_LISTEN", value_name = "ADDRESS")]
    listen: Option<String>,
    /// Its port; `listen` goes before it
    #[arg(long, env = "PORT", value_name = "PORT")]
    port: Option<String>,
}

/// Environment variables that identify platforms which run several instances by default.
const AUTOSCALING_ENV_VARS: [&str; 5] = [
    "FLY_MACHINE_ID",
    "K_SERVICE",
    "KUBERNETES_SERVICE_HOST",
    "ECS_CONTAINER_METADATA_URI_V4",
    "CONTAINER_APP_NAME",
];

fn main() -> ExitCode {
    let cli = match command_line() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command {
        None => run_server(&cli.serve),
        Some(Command::Serve(given)) => run_server(&given),
        Some(Command::Openapi { yaml }) => print_document(yaml),
        Some(Command::Simulator(args)) => simulator_command::run(*args),
        Some(Command::Doctor(args)) => examine(&args),
        Some(Command::Call(args)) => place_call(args),
        Some(Command::Mcp(args)) => mcp_command::run(args),
        Some(Command::Health(args)) => ask_health(args),
        Some(Command::Keygen) => match TicketKey::generate() {
            Ok(key) => say(&key),
            Err(_) => complain("this system has no randomness to give", UNAVAILABLE),
        },
    }
}

/// Reads the command line. The exit code if help, version or an error was printed instead.
fn command_line() -> Result<Cli, ExitCode> {
    let told = |error: clap::Error| {
        // A closed output cannot be reported anywhere.
        let _told = error.print();
        if error.use_stderr() {
            ExitCode::from(USAGE)
        } else {
            ExitCode::SUCCESS
        }
    };
    // Settings may stand before any subcommand; they are explained in one place, where they belong.
    let hidden = |argument: clap::Arg| {
        let own = ["help", "version"].contains(&argument.get_id().as_str());
        if own { argument } else { argument.hide(true) }
    };
    let serve = |command: clap::Command| with_headings(command).next_line_help(true);
    if asks_for_all_versions() {
        return Err(say(&all_versions()));
    }
    let command = Cli::command()
        .mut_args(hidden)
        .mut_subcommand("serve", serve)
        .mut_subcommand("doctor", serve);
    let matches = command.try_get_matches().map_err(told)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(told)?;
    match &mut cli.command {
        None => cli.serve.complete(&environment()),
        Some(Command::Serve(given)) => given.complete(&environment()),
        Some(Command::Doctor(args)) => args.given.complete(&environment()),
        Some(
            Command::Openapi { .. }
            | Command::Simulator(_)
            | Command::Keygen
            | Command::Call(_)
            | Command::Mcp(_)
            | Command::Health(_),
        ) => {}
    }
    Ok(cli)
}

/// The variables of the environment; what is no text can be no setting of ours.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// `--version` with `--verbose`, and nothing else. clap would stop at the first of them.
fn asks_for_all_versions() -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |names: [&str; 2]| {
        arguments
            .iter()
            .any(|argument| names.iter().any(|name| argument == name))
    };
    arguments.len() == 2 && has(["--version", "-V"]) && has(["--verbose", "-v"])
}

/// The version of the program and those of its data about numbers and zones.
fn all_versions() -> String {
    let program = format!(
        "tablecall {} ({})",
        env!("CARGO_PKG_VERSION"),
        env!("TABLECALL_COMMIT")
    );
    let data = doctor::data_versions();
    [&[program][..], &data].concat().join("\n")
}

fn say(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str, code: u8) -> ExitCode {
    // A closed standard error cannot be reported anywhere.
    let _told = writeln!(std::io::stderr(), "tablecall: {text}");
    ExitCode::from(code)
}

fn print_document(yaml: bool) -> ExitCode {
    let document = match tablecall::app::document() {
        Ok(document) => document,
        Err(error) => return complain(&error.to_string(), UNAVAILABLE),
    };
    let text = if yaml {
        tablecall::render_yaml(&document)
    } else {
        tablecall::render_json(&document)
    };
    say(text.trim_end())
}

fn configuration(given: &RawConfig) -> Result<Config, ExitCode> {
    let json = given.log_format.as_deref().map(str::trim) == Some("json");
    Config::read(given).map_err(|problems| complain_of(&problems, json))
}

/// Status 0 when it is alive, 69 when it is not; the health check of the image, which has no shell
/// and no curl.
fn ask_health(args: HealthArgs) -> ExitCode {
    let given = RawConfig {
        listen: args.listen,
        port: args.port,
        ..RawConfig::default()
    };
    let listen = match Config::read_listen(&given) {
        Ok(listen) => listen,
        Err(problems) => return complain_of(&problems, false),
    };
    in_runtime(async move {
        let Ok(http) = tablecall::http_client() else {
            return complain("no HTTP client can be built", UNAVAILABLE);
        };
        match remote::health(&http, listen).await {
            Ok(()) => say("alive"),
            Err(error) => complain(&error.to_string(), UNAVAILABLE),
        }
    })
}

/// Status 1 when something is wrong that makes calls fail.
fn examine(args: &DoctorArgs) -> ExitCode {
    let config = match configuration(&args.given) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let voice_url = args.voice_url.as_deref();
    in_runtime(async move {
        match doctor::examine(&config, voice_url, &Clock::system()).await {
            Ok(findings) => {
                let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
                let said = say(&lines.join("\n"));
                if doctor::worst(&findings) == doctor::Level::Bad {
                    ExitCode::FAILURE
                } else {
                    said
                }
            }
            Err(error) => complain(&error.to_string(), UNAVAILABLE),
        }
    })
}

/// Places a call and follows it. The exit status is its result; the help of the command lists them.
fn place_call(args: CallArgs) -> ExitCode {
    let body = match body_of(&args) {
        Ok(body) => body,
        Err(wrong) => return complain(wrong, USAGE),
    };
    let server = match remote::Server::new(&args.url, args.key.clone()) {
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
fn body_of(args: &CallArgs) -> Result<serde_json::Map<String, serde_json::Value>, &'static str> {
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
        body.insert(field.to_owned(), value);
    }
    Ok(body)
}

/// Prints the call until it has ended, or Ctrl-C ends the watching.
async fn follow_call(
    server: &remote::Server,
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
    let mut followed = std::pin::pin!(server.follow(http, id, print));
    let mut canceled = false;
    loop {
        tokio::select! {
            ended = &mut followed => {
                return match ended {
                    Ok(last) => decided(last["outcome"].as_str().unwrap_or_default(), args.json),
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
fn decided(outcome: &str, json: bool) -> ExitCode {
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

/// Prints why no call was placed; the exit status gives the kind of error.
fn refused(error: &remote::Error) -> ExitCode {
    let status = match error {
        remote::Error::Refused { status: 401, .. } => NO_KEY,
        remote::Error::Refused {
            status: 429 | 500..,
            ..
        } => TRY_LATER,
        remote::Error::Refused { .. } => REFUSED,
        remote::Error::NotTablecall { .. } => NOT_TABLECALL,
        remote::Error::Unreachable { .. }
        | remote::Error::Cut(_)
        | remote::Error::Unwell { .. } => UNAVAILABLE,
    };
    complain(&error.to_string(), status)
}

fn run_server(given: &RawConfig) -> ExitCode {
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

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            runtime.shutdown_timeout(Duration::from_secs(1));
            code
        }
        Err(error) => complain(&format!("cannot start: {error}"), UNAVAILABLE),
    }
}

async fn serve(config: Config, format: Format) -> ExitCode {
    let simulated = matches!(config.carrier, TwilioBackend::Simulator(_));
    let made = config
        .webhook_secrets
        .first()
        .filter(|_| config.is_secret_made)
        .map(|made| made.reveal().to_owned());
    let mut signals = Signals::listen();
    let app = match App::build(config, Clock::system()).await {
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
            () = &mut running => return ExitCode::SUCCESS,
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
