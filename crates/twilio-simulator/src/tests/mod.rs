//! Whole calls between the simulator and a small service of the tests' own, over sockets.

mod harness;
mod hostile;
mod conversations;
mod deliveries;
mod dialing;
mod documentation;
mod endings;
mod invariants;
mod oddities;
mod raw_requests;
mod resources;
mod recordings;
mod rest_side;
mod rooms;
mod room_writes;
mod service;
mod verbs;
