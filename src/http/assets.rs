//! Serves the files that are part of the binary.
