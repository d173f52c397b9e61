//! Tells a server that is none of ours from one that is not there.

/// The behaviour of a peer that takes connections and speaks no HTTP.
pub(super) enum WrongServer {
    /// It answers otherwise.
    Speaks,
    /// It closes the connection.
    Hangs,
}

/// Returns whether somebody took the connection who does not speak HTTP, or no TLS.
pub(super) fn misfit(error: &reqwest::Error) -> Option<WrongServer> {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    // It began to answer.
    if error.is_body() || error.is_decode() {
        return None;
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(part) = cause {
        let http = part.downcast_ref::<hyper::Error>();
        let tls = part.downcast_ref::<rustls::Error>();
        if http.is_some_and(hyper::Error::is_parse)
            || matches!(tls, Some(rustls::Error::InvalidMessage(_)))
        {
            return Some(WrongServer::Speaks);
        }
        let io = part.downcast_ref::<std::io::Error>();
        let is_closed = io.is_some_and(|io| {
            matches!(
                io.kind(),
                UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe
            )
        });
        if http.is_some_and(hyper::Error::is_incomplete_message) || is_closed {
            return Some(WrongServer::Hangs);
        }
        // An error of the system's kind hides the one that it was made of.
        let hidden = io.and_then(std::io::Error::get_ref);
        cause = match hidden {
            Some(hidden) => Some(hidden),
            None => part.source(),
        };
    }
    // It took the connection, so it is there, whatever it did then.
    let is_taken = error.is_request() && !error.is_connect() && !error.is_timeout();
    is_taken.then_some(WrongServer::Hangs)
}
