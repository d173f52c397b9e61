//! The cost of one webhook: whole, without sockets, and its dearest parts alone.
//!
//! `cargo bench` measures; `cargo test --benches` runs each once. Whole webhooks change the state
//! of a call each time, as in life: each goes to a call of its own. The figures of the whole
//! program under load are made elsewhere.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on ends"
)]
#![expect(clippy::print_stdout, reason = "a bench prints what it measures")]

mod held;
mod measure;
mod webhook;

use std::hint::black_box;
use std::time::{Duration, Instant};

use clock::Clock;
use poem::{Endpoint, IntoResponse};
use tablecall::Format;
use tablecall::internals::form::Form;
use tablecall::internals::{InputMode, RenderContext, Speech};
use tablecall::internals::{Opening, Reply, TalkPosition};
use tablecall::internals::{SignatureHeaders, Verifier};
use tablecall::internals::{TicketPurpose, Tickets};
use tokio::runtime::Runtime;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::held::{Held, Stage};
use crate::measure::Bench;
use crate::webhook::{ORIGIN, TOKEN, signed};

/// The calls that are answered between two preparations.
const ROUND: u64 = 2_000;

fn parts(bench: &Bench) {
    let held = Held::new(0, 1, Stage::Ringing);
    let (head, body) = (held.head(0), held.body(0));
    let tickets = Tickets::new(held.config.ticket_keys.clone());
    let text = tickets.seal(TicketPurpose::Voice, &head, &body).unwrap();
    let (now, path) = (held.now, format!("/twiml/answer/{text}"));
    let (headers, form) = signed(&path, &held.sid(0), None);
    let verifier = Verifier::new(ORIGIN, &[TOKEN], &[] as &[(&str, &str)]).unwrap();
    bench.of("signature, form split included", || {
        let form = Form::parse(black_box(form.as_bytes())).unwrap();
        verifier
            .verify(&path, &SignatureHeaders::of(&headers), &form)
            .unwrap();
    });
    bench.of("ticket, sealed", || {
        tickets
            .seal(TicketPurpose::Voice, black_box(&head), &body)
            .unwrap()
    });
    bench.of("ticket, opened", || {
        tickets
            .open(black_box(&text), TicketPurpose::Voice, now)
            .unwrap()
    });
    let speech = Speech::open(InputMode::Keys).unwrap();
    let scene = RenderContext {
        reservation: &body.reservation,
        service_name: "Tablecall",
        contact_phone: None,
        local_time: None,
    };
    let first = Reply::Ask {
        opening: Opening::First,
        slowly: false,
        listen: TalkPosition::first(7),
    };
    bench.of("first message, rendered", || {
        speech.render(black_box(&first), &scene, |_| path.clone())
    });
}

fn webhooks(bench: &Bench) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, stage) in [("answer", Stage::Ringing), ("gather", Stage::Talking)] {
        for held in [100, 100_000] {
            bench.timed(&format!("{name} webhook with {held} calls held"), |times| {
                let mut took = Duration::ZERO;
                let mut left = times;
                while left > 0 {
                    let round = left.min(ROUND);
                    took += answer(&runtime, held, round, stage);
                    left -= round;
                }
                took
            });
        }
    }
}

/// The time it takes to answer one webhook for each of `round` fresh calls, beside `held` others.
fn answer(runtime: &Runtime, held: usize, round: u64, stage: Stage) -> Duration {
    let mut fresh = Held::new(held, usize::try_from(round).unwrap(), stage);
    let requests = fresh.requests();
    let site = tablecall::app::site(&fresh.config, fresh.clock.clone(), fresh.store).unwrap();
    let endpoint = tablecall::endpoint(site);
    runtime.block_on(async {
        let mut answers = Vec::with_capacity(requests.len());
        let begun = Instant::now();
        for request in requests {
            answers.push(endpoint.call(request).await);
        }
        let took = begun.elapsed();
        for answer in answers {
            let text = answer
                .unwrap()
                .into_response()
                .into_body()
                .into_string()
                .await
                .unwrap();
            assert!(text.contains(stage.expected()), "{text}");
        }
        took
    })
}

/// Each webhook writes its line, as in production; nothing reads it.
fn logged(bench: &Bench) {
    let (lines, writer) =
        tablecall::log_layer(Format::Json, Clock::system(), std::io::sink()).unwrap();
    let lines = lines.with_filter(tablecall::log_filter(tablecall::DEFAULT_LOG_FILTER).unwrap());
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::with_default(subscriber, || webhooks(bench));
    drop(writer);
}

fn main() {
    let bench = Bench::from_arguments();
    parts(&bench);
    logged(&bench);
}
