//! One webhook in memory, beside a thousand held calls and beside a million.

use std::time::Instant;

use poem::{Endpoint as _, IntoResponse as _, Request};

use crate::held::{Held, Stage};
use crate::{median, say};

/// The webhooks that are answered in one batch.
const BATCH: usize = 1_000;
const BATCHES: usize = 20;
/// The calls that are held beside those that are answered.
const MANY: [usize; 2] = [100_000, 1_000_000];

/// Answers webhooks of calls that are still ringing.
struct HeldSite {
    held: usize,
    endpoint: Box<dyn Fn(Vec<Request>) -> f64>,
    requests: Vec<Request>,
    took: Vec<f64>,
}

impl HeldSite {
    /// With so many calls in all.
    fn new(held: usize, batches: usize) -> Self {
        let mut calls = Held::new(held - batches * BATCH, batches * BATCH, Stage::Talking);
        let requests = calls.requests();
        let site = tablecall::app::site(&calls.config, calls.clock.clone(), calls.store).unwrap();
        let endpoint = tablecall::endpoint(site);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let endpoint = Box::new(move |requests: Vec<Request>| {
            let mut answers = Vec::with_capacity(requests.len());
            let begun = Instant::now();
            runtime.block_on(async {
                for request in requests {
                    answers.push(endpoint.call(request).await);
                }
            });
            // One thread that waits for nothing: the kernel's own count of its time moves by 4 ms
            // at once.
            let took = begun.elapsed().as_secs_f64() * 1e6 / BATCH as f64;
            for answer in answers {
                let text = runtime
                    .block_on(answer.unwrap().into_response().into_body().into_string())
                    .unwrap();
                assert!(text.contains(Stage::Talking.expected()), "{text}");
            }
            took
        });
        Self {
            held,
            endpoint,
            requests,
            took: Vec::new(),
        }
    }

    fn run_batch(&mut self) {
        let batch = self.requests.split_off(self.requests.len() - BATCH);
        self.took.push((self.endpoint)(batch));
    }
}

/// The resident memory of this process, in bytes.
fn resident() -> f64 {
    let told = std::fs::read_to_string("/proc/self/statm").unwrap();
    told.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4_096.0
}

pub(crate) fn run() {
    say("# One webhook (key 1) as held calls grow, in memory, without sockets\n");
    let (begun, before) = (Instant::now(), resident());
    let mut sites: Vec<HeldSite> = MANY
        .iter()
        .map(|held| HeldSite::new(*held, BATCHES))
        .collect();
    let calls: usize = MANY.iter().sum();
    let each = (resident() - before) / calls as f64;
    let mut few = Vec::new();
    for _ in 0..BATCHES {
        // A batch on all of a thousand calls needs a thousand new ones for the next.
        let mut site = HeldSite::new(BATCH, 1);
        site.run_batch();
        few.extend(site.took);
        for site in &mut sites {
            site.run_batch();
        }
    }
    let least = median(few);
    say("| calls held | µs | times |\n|---:|---:|---:|");
    say(&format!("| {BATCH} | {least:.2} | 1.00 |"));
    for site in sites {
        let took = median(site.took);
        say(&format!(
            "| {} | {took:.2} | {:.2} |",
            site.held,
            took / least
        ));
    }
    say(&format!(
        "\nMedians of {BATCHES} batches of {BATCH} webhooks; the aim is at most 1.20 times. A held call takes"
    ));
    say(&format!(
        "{each:.0} bytes of memory, its unanswered request here included. ({:.0?})\n",
        begun.elapsed()
    ));
}
