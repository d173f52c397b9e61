//! The pages in a real Chromium, driven as a guest and a restaurant would: by labels, names of
//! buttons and keys.
//!
//! It needs Debian's `chromium` and `chromium-driver` (`scripts/test` installs them). It starts its
//! own app, so that it depends on no other test; simulated time runs faster than real time here,
//! since a browser's cannot be simulated.

mod chromium;
mod guest;
pub(crate) mod site;
mod tab;

mod access;
mod alone;
mod bare;
mod conversations;
mod derived;
mod files;
mod hours;
mod keys;
mod memory;
mod reflow;
mod ringing;
mod webdriver;
mod words;
