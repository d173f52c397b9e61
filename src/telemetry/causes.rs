//! Causes of a failed connection, in the words of the part that refused it.

use std::error::Error;
use std::io;

/// The text of the innermost cause of an error: "Connection refused", "invalid peer certificate:
/// Expired". The layers around it only say that a request was not answered.
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// An error, and what caused it, from the outside in.
pub fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| inside(cause))
}

/// The inner error of an error. One of the system's kind hides it.
fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let hidden = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match hidden {
        Some(hidden) => Some(hidden),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the request failed")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_last_cause_is_named() {
        let refused = io::Error::from_raw_os_error(111);
        let named = refused.to_string();
        assert_eq!(innermost(&Outer(refused)), named);

        let hidden = io::Error::other(Outer(io::Error::other("certificate expired")));
        assert_eq!(innermost(&Outer(hidden)), "certificate expired");
    }
}
