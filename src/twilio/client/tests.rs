//! The client against a server made by hand.
