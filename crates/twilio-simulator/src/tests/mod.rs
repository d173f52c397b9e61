//! Whole calls between the simulator and a small service of the tests' own, over sockets.

mod harness;
mod hostile;
mod conversations;
mod deliveries;
mod documentation;
mod endings;
mod invariants;
mod oddities;
mod raw_requests;
mod resources;
mod rest_side;
mod verbs;
