//! The scripts, each with its meaning at its head. Each touches keys of one slot only, and reads no
//! clock.

use redis::Script;

/// The text of a script: the functions in these files, and then this.
macro_rules! text {
    ($($file:literal),+; $end:literal) => {
        concat!($(include_str!($file)),+, $end)
    };
}

/// All of them, with their digests made once.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) save: Script,
    pub(super) revoke: Script,
    pub(super) acknowledge: Script,
    pub(super) postpone: Script,
    pub(super) due: Script,
    pub(super) due_events: Script,
    pub(super) newest: Script,
    pub(super) number: Script,
    pub(super) release: Script,
    pub(super) dial: Script,
    pub(super) limits: Script,
    pub(super) enqueue: Script,
    pub(super) dequeue_start: Script,
    pub(super) return_start: Script,
    pub(super) unreserve: Script,
    pub(super) lines: Script,
    pub(super) call_counts: Script,
    pub(super) join_instances: Script,
    texts: Vec<&'static str>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        let mut texts = Vec::new();
        let mut script = |text| {
            texts.push(text);
            Script::new(text)
        };
        Self {
            save: script(text!("put.lua", "list.lua", "release.lua", "save.lua"; "")),
            revoke: script(include_str!("revoke.lua")),
            acknowledge: script(include_str!("acknowledge.lua")),
            postpone: script(include_str!("postpone.lua")),
            due: script(include_str!("due.lua")),
            due_events: script(include_str!("due_events.lua")),
            newest: script(include_str!("newest.lua")),
            number: script(text!("windows.lua", "number.lua"; "return ask_number(KEYS, ARGV)")),
            release: script(
                text!("release.lua"; "return release_number(KEYS[1], KEYS[2], KEYS[3], unpack(ARGV))"),
            ),
            dial: script(text!(
                "windows.lua", "number.lua", "limits.lua", "release.lua", "put.lua", "list.lua", "dial.lua"; ""
            )),
            limits: script(text!("windows.lua", "limits.lua"; "return ask_limits(KEYS, ARGV)")),
            enqueue: script(text!("windows.lua", "enqueue.lua"; "")),
            dequeue_start: script(text!("windows.lua", "dequeue_start.lua"; "")),
            return_start: script(include_str!("return_start.lua")),
            unreserve: script(include_str!("unreserve.lua")),
            lines: script(include_str!("lines.lua")),
            call_counts: script(include_str!("call_counts.lua")),
            join_instances: script(include_str!("join_instances.lua")),
            texts,
        }
    }

    /// Teaches them to a server, in one round trip: a script that it does not know yet is refused
    /// the first time.
    pub(super) fn load(&self) -> redis::Pipeline {
        let mut pipeline = redis::pipe();
        for text in &self.texts {
            pipeline.cmd("SCRIPT").arg("LOAD").arg(*text).ignore();
        }
        pipeline
    }
}
