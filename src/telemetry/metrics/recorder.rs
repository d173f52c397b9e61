//! Keeps the series of one application, and writes them in Prometheus' text format.
//!
//! Series are few and made at start, so one lock guards their list. Each counter holds a handle to
//! atomics and never meets it.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;

/// The series of one application by the names of their metrics.
pub(super) struct Series {
    /// The upper bounds of a histogram, by its name.
    bounds: fn(&str) -> &'static [f64],
    metrics: Mutex<BTreeMap<String, Metric>>,
}

/// The series of one name, by their labels as they are written.
#[derive(Default)]
struct Metric {
    help: Option<String>,
    series: BTreeMap<String, Value>,
}

#[derive(Clone)]
enum Value {
    Counter(Arc<AtomicU64>),
    /// The bits of a float.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

impl Series {
    pub(super) fn new(bounds: fn(&str) -> &'static [f64]) -> Self {
        Self {
            bounds,
            metrics: Mutex::default(),
        }
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    pub(super) fn render(&self) -> String {
        let metrics = self.metrics.lock();
        let mut out = String::with_capacity(64 * 1024);
        for (name, metric) in &*metrics {
            let Some(first) = metric.series.values().next() else {
                continue;
            };
            if let Some(help) = &metric.help {
                put(&mut out, format_args!("# HELP {name} {help}"));
            }
            put(&mut out, format_args!("# TYPE {name} {}", first.kind()));
            for (labels, value) in &metric.series {
                value.write(name, labels, &mut out);
            }
            out.push('\n');
        }
        out
    }

    fn describe(&self, name: &KeyName, text: &str) {
        let help = text.replace('\\', "\\\\").replace('\n', "\\n");
        let mut metrics = self.metrics.lock();
        metrics.entry(name.as_str().to_owned()).or_default().help = Some(help);
    }

    /// The series of a key; `make` makes it if there is none yet.
    fn series(&self, key: &Key, make: impl FnOnce() -> Value) -> Value {
        let mut metrics = self.metrics.lock();
        let metric = metrics.entry(key.name().to_owned()).or_default();
        let series = metric.series.entry(labels(key));
        series.or_insert_with(make).clone()
    }
}

/// A name that is registered as two kinds gets handles that count nothing: a fault of this program.
impl Recorder for Series {
    fn describe_counter(&self, key: KeyName, _unit: Option<Unit>, description: SharedString) {
        self.describe(&key, &description);
    }

    fn describe_gauge(&self, key: KeyName, _unit: Option<Unit>, description: SharedString) {
        self.describe(&key, &description);
    }

    fn describe_histogram(&self, key: KeyName, _unit: Option<Unit>, description: SharedString) {
        self.describe(&key, &description);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        match self.series(key, || Value::Counter(Arc::default())) {
            Value::Counter(count) => Counter::from_arc(count),
            Value::Gauge(_) | Value::Histogram(_) => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        match self.series(key, || Value::Gauge(Arc::default())) {
            Value::Gauge(bits) => Gauge::from_arc(bits),
            Value::Counter(_) | Value::Histogram(_) => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        let bounds = (self.bounds)(key.name());
        match self.series(key, || Value::Histogram(Arc::new(Buckets::new(bounds)))) {
            Value::Histogram(buckets) => Histogram::from_arc(buckets),
            Value::Counter(_) | Value::Gauge(_) => Histogram::noop(),
        }
    }
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Counter(_) => "counter",
            Self::Gauge(_) => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }

    fn write(&self, name: &str, labels: &str, out: &mut String) {
        let (open, close) = if labels.is_empty() {
            ("", "")
        } else {
            ("{", "}")
        };
        let mut line = |suffix: &str, value: &dyn Display| {
            put(
                out,
                format_args!("{name}{suffix}{open}{labels}{close} {value}"),
            );
        };
        match self {
            Self::Counter(count) => line("", &count.load(Ordering::Relaxed)),
            Self::Gauge(bits) => line("", &f64::from_bits(bits.load(Ordering::Relaxed))),
            Self::Histogram(buckets) => {
                let comma = if labels.is_empty() { "" } else { "," };
                let mut count = 0;
                let mut bounds = buckets.bounds.iter();
                for samples in &buckets.samples {
                    count += samples.load(Ordering::Relaxed);
                    let bound = bounds.next();
                    let bound: &dyn Display = bound.map_or(&"+Inf", |bound| bound);
                    put(
                        out,
                        format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"),
                    );
                }
                let sum = f64::from_bits(buckets.sum.load(Ordering::Relaxed));
                put(out, format_args!("{name}_sum{open}{labels}{close} {sum}"));
                put(
                    out,
                    format_args!("{name}_count{open}{labels}{close} {count}"),
                );
            }
        }
    }
}

/// A histogram: the samples up to each bound and above the one before, and those above all.
struct Buckets {
    /// Ascending.
    bounds: &'static [f64],
    /// One more than bounds.
    samples: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl Buckets {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            samples: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::default(),
        }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(samples) = self.samples.get(place) {
            samples.fetch_add(1, Ordering::Relaxed);
        }
        let more = |bits| Some((f64::from_bits(bits) + value).to_bits());
        let _before = self
            .sum
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _written = writeln!(out, "{line}");
}

/// The labels of a key as they are written, without braces.
fn labels(key: &Key) -> String {
    let escape = |value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        value.replace('\n', "\\n")
    };
    let labels = key
        .labels()
        .map(|label| format!("{}=\"{}\"", label.key(), escape(label.value())));
    labels.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use metrics::{
        counter, describe_counter, describe_gauge, gauge, histogram, with_local_recorder,
    };

    use super::*;

    fn rendered(make: impl FnOnce()) -> String {
        let series = Series::new(|name| if name == "wait" { &[1.0, 60.0] } else { &[0.5] });
        with_local_recorder(&series, make);
        series.render()
    }

    #[test]
    fn series_are_written_as_prometheus_reads_them() {
        let text = rendered(|| {
            describe_counter!("calls_total", "Calls \\ of\nall kinds.");
            describe_gauge!("never_made", "Nothing.");
            counter!("calls_total", "to" => "a\\b\"c\nd", "in" => "x").increment(2);
            counter!("calls_total", "to" => "a\\b\"c\nd", "in" => "x").increment(1);
            counter!("calls_total", "to" => "z", "in" => "x").increment(0);
            gauge!("temperature").set(-1.5);
            gauge!("temperature").increment(1.0);
        });
        assert_eq!(
            text,
            r#"# HELP calls_total Calls \\ of\nall kinds.
# TYPE calls_total counter
calls_total{to="a\\b\"c\nd",in="x"} 3
calls_total{to="z",in="x"} 0

# TYPE temperature gauge
temperature -0.5

"#
        );
    }

    #[test]
    fn a_sample_is_in_each_bucket_whose_bound_it_does_not_exceed() {
        let text = rendered(|| {
            for seconds in [0.0, 1.0, 1.5, 60.0, 61.0] {
                histogram!("wait").record(seconds);
            }
            histogram!("other", "kind" => "k").record(0.25);
        });
        assert_eq!(
            text,
            r#"# TYPE other histogram
other_bucket{kind="k",le="0.5"} 1
other_bucket{kind="k",le="+Inf"} 1
other_sum{kind="k"} 0.25
other_count{kind="k"} 1

# TYPE wait histogram
wait_bucket{le="1"} 2
wait_bucket{le="60"} 4
wait_bucket{le="+Inf"} 5
wait_sum 123.5
wait_count 5

"#
        );
    }

    #[test]
    fn a_name_of_another_kind_counts_nothing() {
        let text = rendered(|| {
            counter!("calls_total").increment(1);
            gauge!("calls_total").set(7.0);
            histogram!("calls_total").record(7.0);
        });
        assert_eq!(text, "# TYPE calls_total counter\ncalls_total 1\n\n");
    }
}
