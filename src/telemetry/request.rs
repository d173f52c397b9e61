//! The current request, as a task-local. Every line that is logged meanwhile has its id.
//!
//! The parts that know more of it (which call it is about, which trace it belongs to) note that
//! here, for the one log line of the request at its end. It must not decide anything by what it
//! knows.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// A trace and the span in it that others stand under (W3C trace context).
pub type TraceParent = ([u8; 16], [u8; 8]);

/// The known facts of one request.
#[derive(Debug)]
pub struct Context {
    /// Empty where work is done for a call and for no request.
    id: Box<str>,
    call: OnceLock<[u8; 16]>,
    trace: OnceLock<TraceParent>,
}

tokio::task_local! {
    static CURRENT: Arc<Context>;
}

impl Context {
    /// A request with this id, which is safe to be logged.
    #[must_use]
    pub fn new(id: impl Into<Box<str>>) -> Arc<Self> {
        Arc::new(Self {
            id: id.into(),
            call: OnceLock::new(),
            trace: OnceLock::new(),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The call that it is about, if that is known; as a field of a log line.
    #[must_use]
    pub fn call(&self) -> Option<impl fmt::Display + fmt::Debug> {
        self.call
            .get()
            .map(|bytes| uuid::Uuid::from_bytes(*bytes).hyphenated())
    }

    /// The trace that it belongs to, if there is one.
    #[must_use]
    pub fn trace(&self) -> Option<TraceParent> {
        self.trace.get().copied()
    }

    /// Does `work` for this request.
    pub fn scope<F: Future>(self: &Arc<Self>, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(self), work)
    }
}

/// The request at hand.
#[must_use]
pub fn current() -> Option<Arc<Context>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The request at hand is about the call with this id.
pub fn note_call(id: &[u8; 16]) {
    let _outside = CURRENT.try_with(|context| context.call.set(*id));
}

/// The request at hand belongs to this trace.
pub fn note_trace(parent: TraceParent) {
    let _outside = CURRENT.try_with(|context| context.trace.set(parent));
}

/// Lets `work`, in a task of its own, go on for the request at hand.
pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
    carry_for(None, work)
}

/// The same for work on a call. If the call is traced, work without a request is added to its trace
/// too.
pub fn carry_for<F: Future>(
    trace: Option<TraceParent>,
    work: F,
) -> impl Future<Output = F::Output> {
    let context = current().or_else(|| {
        let parent = trace?;
        let context = Context::new("");
        let _first = context.trace.set(parent);
        Some(context)
    });
    async move {
        match context {
            Some(context) => context.scope(work).await,
            None => work.await,
        }
    }
}

/// Calls `use_id` with the id of the current request, if there is one.
pub(super) fn with_id(use_id: impl FnOnce(&str)) {
    let _outside = CURRENT.try_with(|context| {
        if !context.id.is_empty() {
            use_id(&context.id);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_noted_while_a_request_is_served_is_known_at_its_end_and_nowhere_else() {
        let (one, other) = (Context::new("one"), Context::new("other"));
        assert!(current().is_none());
        one.scope(async {
            note_call(&[1; 16]);
            note_call(&[2; 16]);
            note_trace(([3; 16], [4; 8]));
            assert_eq!(current().unwrap().id(), "one");
        })
        .await;
        note_call(&[5; 16]);
        assert_eq!(
            one.call().unwrap().to_string(),
            "01010101-0101-0101-0101-010101010101"
        );
        assert_eq!(
            (one.trace(), other.trace(), other.call().is_none()),
            (Some(([3; 16], [4; 8])), None, true)
        );
    }

    #[tokio::test]
    async fn a_task_that_outlives_its_request_still_works_for_it() {
        let request = Context::new("one");
        let mut task = None;
        let work = async {
            task = Some(tokio::spawn(carry(async {
                current().unwrap().id().to_owned()
            })));
        };
        request.scope(work).await;
        assert_eq!(task.unwrap().await.unwrap(), "one");
        assert!(
            tokio::spawn(carry(async { current().is_none() }))
                .await
                .unwrap()
        );
    }
}
