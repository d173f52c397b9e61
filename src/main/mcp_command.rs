//! `tablecall mcp`: tools for agents over standard input and output.
//!
//! Standard output belongs to the protocol: everything for people goes to standard error.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use clock::Clock;
use tablecall::app::App;
use tablecall::config::{Config, RawConfig};
use tablecall::mcp::{Tools, serve_stdio};
use tablecall::remote::{Remote, RemoteService};

use super::{UNAVAILABLE, USAGE, complain, complain_of, in_runtime};

/// Examples of the configuration of an agent.
pub(super) const EXAMPLES: &str = "\
Examples:
  tablecall mcp                                     a simulated carrier of its own: no real phone rings
  TABLECALL_KEY=… tablecall mcp --url https://calls.example.com

For a client of the Model Context Protocol:
  {\"mcpServers\": {\"tablecall\": {\"command\": \"tablecall\", \"args\": [\"mcp\"]}}}

A running server has the same tools at /mcp, behind its keys.";

/// The arguments of `tablecall mcp`.
#[derive(Args, Debug)]
pub(super) struct McpArgs {
    /// The server whose calls these are; without it a simulated carrier runs in this process
    #[arg(long, env = "TABLECALL_URL", value_name = "URL")]
    url: Option<String>,
    /// Secret of an API key of the server
    #[arg(
        long,
        env = "TABLECALL_KEY",
        value_name = "SECRET",
        hide_env_values = true
    )]
    key: Option<String>,
    /// Where the simulated carrier and its page listen
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0",
        conflicts_with = "url"
    )]
    listen: String,
}

/// Serves until the agent closes standard input, or the process receives a signal to stop.
pub(super) fn run(args: McpArgs) -> ExitCode {
    let server = match &args.url {
        Some(url) => match RemoteService::new(url, args.key.clone()) {
            Ok(server) => Some(server),
            Err(error) => return complain(&format!("--url {error}"), USAGE),
        },
        None => None,
    };
    let given = RawConfig::default().with(|it| it.server.listen = Some(args.listen));
    let config = match Config::read(&given) {
        Ok(config) => config,
        Err(problems) => return complain_of(&problems, false),
    };
    in_runtime(async move {
        match server {
            Some(server) => serve(server).await,
            None => simulate(config).await,
        }
    })
}

/// Serves the tools over a simulated carrier of this process.
async fn simulate(config: Config) -> ExitCode {
    let app = match App::bind(config, Clock::system()).await {
        Ok(app) => app,
        Err(error) => return complain(&error.to_string(), UNAVAILABLE),
    };
    let origin = format!("http://{}", app.address());
    let _told = writeln!(
        std::io::stderr(),
        "tablecall: no real phone rings; pick up as the restaurant at {origin}/simulator"
    );
    let server = match RemoteService::new(&origin, None) {
        Ok(server) => server,
        Err(error) => return complain(&error.to_string(), UNAVAILABLE),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(app.run_until(async {
        let _dropped = stopped.await;
    }));
    let code = serve(server).await;
    drop(stop);
    // The simulated phones end with the agent that had them rung.
    match running.await {
        Ok(Err(error)) => complain(&error.to_string(), UNAVAILABLE),
        Ok(Ok(())) | Err(_) => code,
    }
}

async fn serve(server: RemoteService) -> ExitCode {
    let (Ok(http), Ok(document)) = (tablecall::http_client(), tablecall::app::document()) else {
        return complain("no HTTP client can be built", UNAVAILABLE);
    };
    let tools = Tools::new(Arc::new(Remote::new(server, http)), &document);
    tokio::select! {
        served = serve_stdio(tools) => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format!("the agent does not speak the protocol: {error}"), UNAVAILABLE),
        },
        _signal = tokio::signal::ctrl_c() => ExitCode::SUCCESS,
    }
}
