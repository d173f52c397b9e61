//! Programs that some tests need beside Rust. Where one is not installed, the tests that need it are
//! left out and say so, so that `cargo test` passes on a machine with Rust alone. With
//! `TABLECALL_TESTS=all`, as `scripts/test` runs them, they fail instead.

use std::io::Write as _;
use std::path::Path;

/// Returns whether one of these programs is not installed. If so, a line on stderr names the test.
pub(crate) fn lacks(programs: &[&str]) -> bool {
    let Some(missing) = programs.iter().find(|program| !is_installed(program)) else {
        return false;
    };
    let everything = std::env::var_os("TABLECALL_TESTS").is_some_and(|which| which == "all");
    assert!(!everything, "{missing} is not installed");
    let thread = std::thread::current();
    let line = format!(
        "left out: {} needs {missing} (scripts/test installs it)\n",
        thread.name().unwrap_or("a test")
    );
    // Not `eprintln!`: what a passing test prints is not shown.
    let _told = std::io::stderr().write_all(line.as_bytes());
    true
}

/// `program`: a name, looked for in `PATH`, or a path.
pub(crate) fn is_installed(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
