//! The calls of one API key, page by page.

use std::sync::Arc;

use super::{Service, ServiceError};
use crate::call::{Call, Outcome};
use crate::domain::{CallId, Phone};
use crate::store::CallStore as _;

/// The most calls that are looked at for one page: a filter that fits few calls must not read all of
/// them in one request.
const MOST_LOOKED_AT: usize = 1_000;
/// Calls that are looked at together if a filter may leave some out.
const AT_A_TIME: usize = 100;

/// Filter of a list of calls; a call must fit all that is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// The word of its status.
    pub status: Option<&'static str>,
    /// Its outcome so far.
    pub outcome: Option<Outcome>,
    /// The number that rings.
    pub phone: Option<Phone>,
}

/// Some calls of a key, newest first.
#[derive(Clone, Debug, Default)]
pub struct ListedCalls {
    /// The calls.
    pub calls: Vec<Arc<Call>>,
    /// The call after which the next page begins; `None`: there are no older calls.
    pub next: Option<CallId>,
}

impl CallFilter {
    fn fits(&self, call: &Call) -> bool {
        self.status
            .is_none_or(|status| call.state.status() == status)
            && self
                .outcome
                .is_none_or(|outcome| call.outcome() == Some(outcome))
            && self
                .phone
                .is_none_or(|phone| call.reservation.phone == phone)
    }
}

impl Service {
    /// The calls of `owner` that fit a filter, newest first, at most `most`, all older than `before`.
    /// A page may have fewer calls, or none, although there are older ones that fit.
    ///
    /// # Errors
    /// The store cannot serve.
    pub async fn list(
        &self,
        owner: &str,
        filter: &CallFilter,
        before: Option<CallId>,
        most: usize,
    ) -> Result<ListedCalls, ServiceError> {
        let mut page = ListedCalls {
            calls: Vec::new(),
            next: before,
        };
        let (is_filtered, mut looked_at) = (*filter != CallFilter::default(), 0);
        while looked_at < MOST_LOOKED_AT {
            let wanted = if is_filtered {
                AT_A_TIME
            } else {
                most - page.calls.len()
            };
            let listing = self.0.engine.store.list(owner, page.next, wanted).await?;
            looked_at += wanted;
            for (at, call) in listing.calls.iter().enumerate() {
                if *call.owner != *owner || !filter.fits(call) {
                    continue;
                }
                page.calls.push(call.clone());
                if page.calls.len() == most {
                    let is_last = at + 1 == listing.calls.len() && listing.next.is_none();
                    page.next = Some(call.id).filter(|_| !is_last);
                    return Ok(page);
                }
            }
            page.next = listing.next;
            if page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }
}
