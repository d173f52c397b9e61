//! Times a piece of work: ten samples, of which the least, the median and the most are printed.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Number of samples.
const SAMPLES: usize = 10;
/// Shortest time of a sample, so that the clock's steps do not count.
const SAMPLE: Duration = Duration::from_millis(300);

/// Options of the command line.
#[derive(Debug)]
pub(crate) struct Bench {
    /// `cargo bench` measures; anything else, such as `cargo test`, runs each piece once.
    measures: bool,
    /// Only pieces whose name contains this.
    wanted: Option<String>,
}

impl Bench {
    pub(crate) fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            measures: arguments.iter().any(|argument| argument == "--bench"),
            wanted: arguments.into_iter().find(|it| !it.starts_with('-')),
        }
    }

    /// Times `work`, which is done as often as it can be in a sample.
    pub(crate) fn of<T>(&self, name: &str, mut work: impl FnMut() -> T) {
        self.timed(name, |times| {
            let begun = Instant::now();
            for _ in 0..times {
                black_box(work());
            }
            begun.elapsed()
        });
    }

    /// Times work that measures itself: it is told how often to do it, and says how long that took.
    pub(crate) fn timed(&self, name: &str, mut work: impl FnMut(u64) -> Duration) {
        if self.wanted.as_ref().is_some_and(|it| !name.contains(it)) {
            return;
        }
        if !self.measures {
            work(1);
            println!("{name}: works");
            return;
        }
        // Doubling also warms caches and branch predictors.
        let mut times = 1;
        while work(times) < SAMPLE {
            times *= 2;
        }
        let mut samples: Vec<f64> = (0..SAMPLES)
            .map(|_| work(times).as_secs_f64() * 1e9 / times as f64)
            .collect();
        samples.sort_by(f64::total_cmp);
        let (least, most) = (samples[0], samples[SAMPLES - 1]);
        let median = (samples[SAMPLES / 2 - 1] + samples[SAMPLES / 2]) / 2.0;
        println!("{name}: {median:.0} ns ({least:.0} to {most:.0}, {times} times a sample)");
    }
}
