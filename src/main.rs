//! The program: reads the command line and the environment, and nothing else does.

#[path = "main/mcp_command.rs"]
mod mcp_command;
#[path = "main/simulator_command.rs"]
mod simulator_command;
#[path = "main/start.rs"]
mod start;
#[path = "main/arguments.rs"]
mod arguments;
#[path = "main/exit.rs"]
mod exit;
#[path = "main/place_call.rs"]
mod place_call;
#[path = "main/serve.rs"]
mod serve;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use arguments::{Cli, Command, DoctorArgs, HealthArgs};
use clap::{CommandFactory, FromArgMatches};
use clock::Clock;
use exit::{UNAVAILABLE, USAGE};
use place_call::place_call;
use start::complain_of;
use tablecall::config::{Config, ConfigProblem, Features, RawConfig};
use tablecall::{TicketKey, doctor, remote};

use serve::run_server;

/// Exit status when what was asked for could not be printed.
const FAILED_OUTPUT: u8 = 1;

/// A create makes some three hundred small allocations; with glibc's allocator they are a fifth of
/// its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
        let printed = error.print();
        if error.use_stderr() {
            // A closed standard error cannot be reported anywhere.
            ExitCode::from(USAGE)
        } else {
            said(printed)
        }
    };
    // Settings may stand before any subcommand; they are explained in one place, where they belong.
    let hidden = |argument: clap::Arg| {
        let own = ["help", "version"].contains(&argument.get_id().as_str());
        if own { argument } else { argument.hide(true) }
    };
    let serve = |command: clap::Command| command.next_line_help(true);
    if asks_for_all_versions() {
        return Err(say(&all_versions()));
    }
    let not_text = not_text();
    if !not_text.is_empty() {
        let json = std::env::var_os("TABLECALL_LOG_FORMAT").is_some_and(|format| format == "json");
        return Err(complain_of(&not_text, json));
    }
    let command = Cli::command()
        .mut_args(hidden)
        .mut_subcommand("serve", serve)
        .mut_subcommand("doctor", serve);
    let matches = command.try_get_matches().map_err(told)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(told)?;
    let of_command = matches
        .subcommand()
        .map_or(&matches, |(_, of_command)| of_command);
    match &mut cli.command {
        None => cli.serve.complete(of_command, &environment()),
        Some(Command::Serve(given)) => given.complete(of_command, &environment()),
        Some(Command::Doctor(args)) => args.given.complete(of_command, &environment()),
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

/// The settings in the environment whose values are no text.
fn not_text() -> Vec<ConfigProblem> {
    let unread: Vec<String> = std::env::vars_os()
        .filter(|(_, value)| value.to_str().is_none())
        .filter_map(|(name, _)| name.into_string().ok())
        .collect();
    RawConfig::not_text(unread.iter().map(String::as_str))
}

/// The variables of the environment that are text; [`not_text`] finds the others.
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

/// The version of the program, its features, and the versions of its data about numbers and zones.
fn all_versions() -> String {
    let program = format!(
        "tablecall {} ({})",
        env!("CARGO_PKG_VERSION"),
        env!("TABLECALL_COMMIT")
    );
    let data = doctor::data_versions();
    let features = Features::BUILT_IN.summary();
    [&[program, features][..], &data].concat().join("\n")
}

fn say(text: &str) -> ExitCode {
    said(writeln!(std::io::stdout(), "{text}"))
}

/// Reports a failed write, such as to a full disk, but not a reader that closed its end early.
fn said(written: std::io::Result<()>) -> ExitCode {
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            let words = format!("standard output cannot be written: {error}");
            complain(&words, FAILED_OUTPUT)
        }
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
    let json = given.observability.log_format.as_deref().map(str::trim) == Some("json");
    Config::read(given).map_err(|problems| complain_of(&problems, json))
}

/// Status 0 when it is alive, 69 when it is not; the health check of the image, which has no shell
/// and no curl.
fn ask_health(args: HealthArgs) -> ExitCode {
    let given = RawConfig::default().with(|it| {
        it.server.listen = args.listen;
        it.server.port = args.port;
    });
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
