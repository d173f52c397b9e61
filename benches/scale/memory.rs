//! The memory of a call, measured over the whole process: many calls that are all open at once, and
//! then all finished.

use std::time::Duration;

use clock::Clock;

use crate::carrier::Carrier;
use crate::deployment::{Build, Program};
use crate::play::Player;
use crate::say;

/// The number of calls that are held.
const CALLS: usize = 100_000;
/// After the end of a call a key may still come; then it is finished, and its memory is given back.
const SETTLED: Duration = Duration::from_secs(12);

pub(crate) async fn run() {
    say("# Memory of a call, all limits on, none with a callback\n");
    let (carrier, address) = Carrier::start().await;
    say("| | idle, after one call | asked for | talking | finished |\n|---|---:|---:|---:|---:|");
    for build in Build::all() {
        let service = [Program::service(&build, address, None)];
        let mut player = Player::new();
        let first = player.asks(1, &carrier, &service).await;
        player.plays_alone(&first, &service).await;
        let idle = service[0].resident();
        let each = || (service[0].resident() - idle) / CALLS as f64;
        let calls = player.asks(CALLS, &carrier, &service).await;
        let asked = each();
        let keys = player.picks_up(&calls, service[0].address).await;
        let talking = each();
        player.ends(&calls, keys, service[0].address).await;
        Clock::system().sleep(SETTLED).await;
        let finished = each();
        say(&format!(
            "| {}one process, memory | {:.1} MB | {asked:.0} B | {talking:.0} B | {finished:.0} B |",
            build.name,
            idle / 1e6
        ));
    }
    say(&format!(
        "\nResident memory of the process, divided by {CALLS} calls. The aim is at most 750 bytes for an open call and"
    ));
    say("420 for a finished one.\n");
}
