//! The dice of one callee.

/// Falls alike for one seed.
pub(super) struct Dice(fastrand::Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        // Neighbouring seeds would begin alike.
        Self(fastrand::Rng::with_seed(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        ))
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())]
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// Throws the dice for an event that happens once in `so_often` times.
    pub(super) fn once_in(&mut self, so_often: u32) -> bool {
        self.0.u32(..so_often) == 0
    }

    /// Seconds between two numbers of them, to the millisecond.
    pub(super) fn seconds(&mut self, from: f64, to: f64) -> f64 {
        let seconds = from + self.0.f64() * (to - from);
        (seconds * 1_000.0).round() / 1_000.0
    }

    /// The pause between two keys of somebody who types.
    pub(super) fn gap(&mut self) -> f64 {
        self.seconds(0.12, 1.3)
    }
}
