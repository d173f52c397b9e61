//! The same calls with one process in memory, one with Redis, and two with Redis.

use std::time::Duration;

use crate::carrier::Carrier;
use crate::deployment::{Build, Program};
use crate::play::{Player, WEBHOOKS};
use crate::{median, say};

/// The calls of one turn.
const TURN: usize = 5_000;
const TURNS: usize = 5;

/// One way to run the service.
struct Target {
    name: String,
    redis: Option<Program>,
    services: Vec<Program>,
    player: Player,
    /// Microseconds on a processor per webhook: of the service, of Redis; webhooks a second.
    figures: Vec<[f64; 3]>,
}

impl Target {
    fn new(
        build: &Build,
        name: &'static str,
        carrier: std::net::SocketAddr,
        (redis, count): (bool, usize),
    ) -> Self {
        let redis = redis.then(Program::redis);
        let services = (0..count)
            .map(|_| Program::service(build, carrier, redis.as_ref()))
            .collect();
        Self {
            name: format!("{}{name}", build.name),
            redis,
            services,
            player: Player::new(),
            figures: Vec::new(),
        }
    }

    fn busy(&self) -> [Duration; 2] {
        let services = self.services.iter().map(Program::busy).sum();
        [
            services,
            self.redis.as_ref().map(Program::busy).unwrap_or_default(),
        ]
    }

    async fn turn(&mut self, carrier: &Carrier) {
        let calls = self.player.asks(TURN, carrier, &self.services).await;
        let before = self.busy();
        let took = self.player.plays(&calls, &self.services).await;
        let after = self.busy();
        let webhooks = (TURN * WEBHOOKS) as f64;
        let spent = |of: usize| (after[of] - before[of]).as_secs_f64() * 1e6 / webhooks;
        self.figures
            .push([spent(0), spent(1), webhooks / took.as_secs_f64()]);
    }

    fn spread(&self, which: usize) -> String {
        let figures = self.figures.iter().map(|figures| figures[which]);
        let (least, most) = figures.fold((f64::MAX, 0.0_f64), |(least, most), figure| {
            (least.min(figure), most.max(figure))
        });
        format!("{least:.1} to {most:.1}")
    }

    fn figure(&self, which: usize) -> f64 {
        median(self.figures.iter().map(|figures| figures[which]).collect())
    }
}

pub(crate) async fn run() {
    say("# Whole calls over sockets: one process and two, memory and Redis\n");
    let (carrier, address) = Carrier::start().await;
    let kinds = [
        ("one process, memory", (false, 1)),
        ("one process, Redis", (true, 1)),
        ("two processes, Redis", (true, 2)),
        ("four processes, Redis", (true, 4)),
    ];
    let mut targets = Vec::new();
    for build in Build::all() {
        let target = |(name, kind)| Target::new(&build, name, address, kind);
        targets.extend(kinds.map(target));
    }
    for position in 0..=TURNS {
        for target in &mut targets {
            target.turn(&carrier).await;
            if position == 0 {
                // Whatever is made once is made by now.
                target.figures.clear();
            }
        }
    }
    say(
        "| | webhooks a second | µs of processor per webhook | times | µs of Redis' own |\n|---|---:|---:|---:|---:|",
    );
    for (at, target) in targets.iter().enumerate() {
        // Each build beside itself in memory.
        let least = &targets[at - at % kinds.len()];
        let (cpu, redis, rate) = (target.figure(0), target.figure(1), target.figure(2));
        say(&format!(
            "| {} | {rate:.0} | {cpu:.1} ({}) | {:.2} | {redis:.1} ({}) |",
            target.name,
            target.spread(0),
            cpu / least.figure(0),
            target.spread(1),
        ));
    }
    say(&format!(
        "\nMedians (and spread) of {TURNS} turns of {TURN} calls with {WEBHOOKS} webhooks each, every one at another"
    ));
    say(
        "process. The processor time is of all processes together; the aim is at most 1.5 times that in memory, 1.8",
    );
    say(
        "with two processes, and with four within 1.1 of two; of Redis' own at most 8 µs. Who plays Twilio shares the",
    );
    say(
        "machine, so webhooks a second are a lower bound, and on two processors two processes cannot show their worth.\n",
    );
}
