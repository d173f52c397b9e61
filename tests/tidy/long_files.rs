//! The files with more than 400 lines. The list may only become shorter.

/// Sorted by path.
pub(crate) const LONG_FILES: &[&str] = &[
    "tests/it/callees/kind.rs",
    "tests/it/deploy.rs",
    "tests/it/dialling.rs",
    "tests/it/door.rs",
    "tests/it/support/process.rs",
    "tests/it/trust.rs",
];
