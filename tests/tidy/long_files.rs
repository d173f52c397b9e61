//! The files with more than 400 lines. The list may only become shorter.

/// Sorted by path.
pub(crate) const LONG_FILES: &[&str] = &[
    "src/config/read.rs",
    "src/http/api/mod.rs",
    "src/http/listener/connection.rs",
    "src/http/listener/tests.rs",
    "src/policy/mod.rs",
    "src/policy/tests.rs",
    "src/service/dial_decision.rs",
    "src/service/intake/tests.rs",
    "src/service/mod.rs",
    "src/speech/tests.rs",
    "src/store/memory.rs",
    "src/store/redis/calls.rs",
    "src/store/redis/dial.rs",
    "src/store/redis/tests.rs",
    "src/twilio/client/error.rs",
    "src/twilio/client/tests.rs",
    "src/twilio/signature/tests.rs",
    "tests/it/callees/kind.rs",
    "tests/it/deploy.rs",
    "tests/it/dialling.rs",
    "tests/it/door.rs",
    "tests/it/support/process.rs",
    "tests/it/trust.rs",
    "tests/tidy.rs",
];
