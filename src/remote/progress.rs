//! Output while a call is followed: each entry of its timeline once.

use serde_json::Value;

/// The part of a call that was printed already.
#[derive(Debug, Default)]
pub struct Progress(usize);

impl Progress {
    /// Prints the news of a state, line by line.
    pub fn tell(&mut self, call: &Value, mut tell: impl FnMut(String)) {
        self.0 = progress(call, self.0, &mut tell);
    }
}

/// Prints the new entries of the timeline; returns the number of entries printed so far.
pub(super) fn progress(call: &Value, told: usize, tell: &mut impl FnMut(String)) -> usize {
    let timeline = call["timeline"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for entry in timeline.iter().skip(told) {
        let word = |name: &str| entry[name].as_str().unwrap_or_default();
        let time = word("at").get(11..19).unwrap_or_default();
        tell(
            format!(
                "{time}  {} {}",
                word("what").replace('_', " "),
                word("detail")
            )
            .trim_end()
            .to_owned(),
        );
    }
    if let (Some(reason), Some(at)) = (
        call["waiting_for"].as_str(),
        call["next_attempt_at"].as_str(),
    ) && timeline.len() > told
    {
        tell(format!(
            "          waits for {} until {at}",
            reason.replace('_', " ")
        ));
    }
    timeline.len().max(told)
}
