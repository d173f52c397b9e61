//! The scripts, each with its meaning at its head. Each touches keys of one slot only, and reads no
//! clock.

use redis::Script;

/// A script with what all of those share that judge times.
macro_rules! judging {
    ($script:literal) => {
        Script::new(concat!(include_str!("windows.lua"), include_str!($script)))
    };
}

/// All of them, with their digests made once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) save: Script,
    pub(super) void: Script,
    pub(super) aside: Script,
    pub(super) due: Script,
    pub(super) due_events: Script,
    pub(super) number: Script,
    pub(super) vacate: Script,
    pub(super) house: Script,
    pub(super) join: Script,
    pub(super) dequeue_start: Script,
    pub(super) return_start: Script,
    pub(super) unreserve: Script,
    pub(super) call_counts: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            save: Script::new(include_str!("save.lua")),
            void: Script::new(include_str!("void.lua")),
            aside: Script::new(include_str!("aside.lua")),
            due: Script::new(include_str!("due.lua")),
            due_events: Script::new(include_str!("due_events.lua")),
            number: judging!("number.lua"),
            vacate: Script::new(include_str!("vacate.lua")),
            house: judging!("house.lua"),
            join: Script::new(include_str!("join.lua")),
            dequeue_start: judging!("call_up.lua"),
            return_start: Script::new(include_str!("give_back.lua")),
            unreserve: Script::new(include_str!("unreserve.lua")),
            call_counts: Script::new(include_str!("census.lua")),
        }
    }
}
