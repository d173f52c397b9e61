//! `tablecall simulator`: the simulated Twilio alone, and the replay of recorded calls.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use clock::Clock;
use tablecall::app::stop::Signals;
use tablecall::{Format, tls_config};
use twilio_simulator::SimulatorConfig;
use twilio_simulator::call_file::CallFile;
use twilio_simulator::replay::{ReplayTarget, replay};

use super::exit::{UNAVAILABLE, USAGE};
use super::{complain, in_runtime, say};

/// Exit status of a replay to which the service gave other answers.
const DIFFERS: u8 = 1;

/// The auth token of a simulator that only this machine reaches.
const LOCAL_TOKEN: &str = "simulator-auth-token";

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SimulatorArgs {
    #[command(subcommand)]
    command: Option<SimulatorCommand>,
    /// Address to bind
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The account it plays
    #[arg(long, default_value = "AC00000000000000000000000000000000", value_parser = account_sid)]
    account_sid: String,
    /// Its auth tokens, newest first; on a loopback address `simulator-auth-token` by default
    #[arg(long, value_delimiter = ',')]
    auth_token: Vec<String>,
    /// API keys that open its REST API, as SK…:secret
    #[arg(long, value_delimiter = ',', value_parser = api_key)]
    api_key: Vec<(String, String)>,
    /// Numbers that may be used as From; the first is rung by the page. Any number by default
    #[arg(long, value_delimiter = ',')]
    number: Vec<String>,
    /// What answers calls to our numbers, such as `http://localhost:3000/voice`
    #[arg(long, value_name = "URL")]
    voice_url: Option<String>,
    /// Calls it starts each second; 0: as many as come
    #[arg(long, default_value_t = 0)]
    cps: u32,
    /// Behave like a trial account
    #[arg(long)]
    trial: bool,
    /// How many times as fast as real time calls go
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    speed: u32,
}

#[derive(Debug, Subcommand)]
enum SimulatorCommand {
    /// Send the webhooks of a recorded call to a service again, and compare its answers
    Replay(ReplayArgs),
}

#[derive(Args, Debug)]
struct ReplayArgs {
    /// The file, as the phone's page saves it
    file: PathBuf,
    /// Origin of the service, such as `http://localhost:3000`
    #[arg(long, value_name = "URL")]
    against: String,
    /// The auth token that signs
    #[arg(long, default_value = LOCAL_TOKEN)]
    auth_token: String,
}

fn account_sid(text: &str) -> Result<String, &'static str> {
    let digits = text.strip_prefix("AC").unwrap_or_default();
    if digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_owned())
    } else {
        Err("must be AC and 32 hexadecimal digits")
    }
}

fn api_key(text: &str) -> Result<(String, String), &'static str> {
    let (id, secret) = text.split_once(':').unwrap_or_default();
    if id.starts_with("SK") && !secret.is_empty() {
        Ok((id.to_owned(), secret.to_owned()))
    } else {
        Err("must be SK…:secret")
    }
}

pub(super) fn run(args: SimulatorArgs) -> ExitCode {
    if let Some(SimulatorCommand::Replay(args)) = args.command {
        return run_replay(args);
    }
    let mut auth_tokens = args.auth_token;
    if auth_tokens.is_empty() {
        if !args.listen.ip().is_loopback() {
            let problem = "--auth-token is missing: others reach the address of --listen";
            return complain(problem, USAGE);
        }
        auth_tokens.push(LOCAL_TOKEN.to_owned());
    }
    let config = SimulatorConfig {
        account_sid: args.account_sid,
        auth_tokens,
        api_keys: args.api_key,
        owned_numbers: args.number,
        voice_url: args.voice_url,
        calls_per_second: args.cps,
        trial: args.trial,
        ..SimulatorConfig::default()
    };
    if let Some(problem) = config.problem() {
        return complain(problem, USAGE);
    }
    // Whatever a call could not do stands on standard error, too.
    let environment = super::environment();
    let of = |name: &str| environment.get(name).map_or("", String::as_str);
    let format = match of("TABLECALL_LOG_FORMAT") {
        "json" => Format::Json,
        _ => Format::Text,
    };
    let _log = match tablecall::init_telemetry(format, of("RUST_LOG"), None) {
        Ok(log) => log,
        Err(error) => return complain(&error.to_string(), USAGE),
    };
    let clock = clock_at(args.speed);
    in_runtime(async move {
        let mut signals = Signals::listen();
        let stopping = async move {
            signals.next().await;
        };
        let greet = |address| {
            // A closed standard output cannot be reported anywhere.
            let _told = say(&format!(
                "The simulated carrier is listening: TWILIO_API_URL=http://{address}\n\
                 Its phones ring at http://{address}/simulator"
            ));
        };
        match tablecall::app::run_simulator(args.listen, config, clock, greet, stopping).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error.to_string(), UNAVAILABLE),
        }
    })
}

/// A clock that runs `speed` times as fast as real time.
fn clock_at(speed: u32) -> Clock {
    if speed == 1 {
        return Clock::system();
    }
    let clock = Clock::simulated(Clock::system().now());
    clock.run(speed);
    clock
}

fn run_replay(args: ReplayArgs) -> ExitCode {
    let path = args.file.display();
    let text = match std::fs::read_to_string(&args.file) {
        Ok(text) => text,
        Err(error) => return complain(&format!("{path} cannot be read: {error}"), USAGE),
    };
    let file: CallFile = match serde_json::from_str(&text) {
        Ok(file) => file,
        Err(error) => return complain(&format!("{path} is not a recorded call: {error}"), USAGE),
    };
    let target = ReplayTarget {
        against: args.against,
        auth_token: args.auth_token,
    };
    in_runtime(async move {
        let replayed = match replay(&file, &target, tls_config()).await {
            Ok(replayed) => replayed,
            Err(error) => return complain(&error.to_string(), USAGE),
        };
        let mut differing = 0;
        for exchange in &replayed {
            let verdict = if exchange.differences.is_empty() {
                "same"
            } else {
                differing += 1;
                "DIFFERS"
            };
            // A closed standard output cannot be reported anywhere.
            let _told = say(&format!("{verdict:8} {}", exchange.request));
            for difference in &exchange.differences {
                let _told = say(&format!("         {difference}"));
            }
        }
        let _told = say(&format!("{} webhooks, {differing} differ", replayed.len()));
        if differing == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(DIFFERS)
        }
    })
}
