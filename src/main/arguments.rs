//! The command line: commands, their arguments and examples.

use clap::{Args, Parser, Subcommand};
use tablecall::config::RawConfig;

use super::mcp_command;
use super::simulator_command::SimulatorArgs;

/// Phones a restaurant, reads a table reservation aloud, and brings back the answer pressed on the
/// keypad
///
/// Without a command it serves. Without a Twilio account a simulator is the carrier: no real phone
/// rings, and nothing has to be set.
#[derive(Debug, Parser)]
#[command(after_help = EXAMPLES, version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TABLECALL_COMMIT"), ")"), args_conflicts_with_subcommands = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: Box<RawConfig>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  tablecall                   serve with the simulator, on http://127.0.0.1:8080
  tablecall serve --help      every setting, by what it is for
  tablecall doctor            check the settings against the Twilio account
  tablecall --version --verbose
                              the features that are built in, and the versions of the data
                              about numbers and zones
  tablecall mcp               tools for agents, to try with a simulated carrier
  tablecall call --name Ana --phone +14155550101 --time 2027-06-18T19:30 --party-size 4

Exit status: 0 done, 64 wrong settings, 69 cannot be served; those of a call: tablecall call --help.";

const CALL_EXAMPLES: &str = "\
Exit status:
    0  confirmed
    1  nobody decided: not reached, a machine, no key, cancelled
    2  declined
    3  another time was offered
    4  lost from sight: the call was placed and may still ring; its id is printed
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
pub(super) enum Command {
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
pub(super) struct DoctorArgs {
    /// Where dialling permissions are asked for, if not at Twilio
    #[arg(long, env = "TWILIO_VOICE_URL", value_name = "URL")]
    pub(super) voice_url: Option<String>,
    #[command(flatten)]
    pub(super) given: RawConfig,
}

#[derive(Args, Debug)]
pub(super) struct CallArgs {
    /// The server
    #[arg(
        long,
        env = "TABLECALL_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    pub(super) url: String,
    /// Secret of an API key of the server
    #[arg(
        long,
        env = "TABLECALL_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub(super) key: Option<String>,
    /// The guest's name
    #[arg(long)]
    pub(super) name: String,
    /// The restaurant's number
    #[arg(long)]
    pub(super) phone: String,
    /// The table's date and time there, as in 2026-12-04T19:30
    #[arg(long)]
    pub(super) time: String,
    /// How many guests
    #[arg(long)]
    pub(super) party_size: u32,
    /// Any other field of `POST /api/call`, as name=value
    #[arg(long = "with", value_name = "FIELD=VALUE")]
    pub(super) more: Vec<String>,
    /// Print each state of the call as a line of JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Cancel the call on Ctrl-C; without this it goes on
    #[arg(long)]
    pub(super) cancel_on_interrupt: bool,
}

#[derive(Args, Debug)]
pub(super) struct HealthArgs {
    /// Its address; 127.0.0.1:8080 by default
    #[arg(long, env = "TABLECALL_LISTEN", value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// Its port; `listen` goes before it
    #[arg(long, env = "PORT", value_name = "PORT")]
    pub(super) port: Option<String>,
}
