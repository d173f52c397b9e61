//! Runs documents on a call. It reads no XML and sends nothing by itself.

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::documents::{FetchFailure, FetchedContent, FetchedDocument, TwimlRequest};
use super::flow::{Interrupt, NextStep};
use super::http_method::HttpMethod;
use super::notifications::notify;
use super::rest_error::UNSUPPORTED;
use super::simulated_call::SimulatedCall;
use super::speaking::BargeIn;
use super::twiml::{DocumentTarget, TwimlDocument, Verb};
use super::webhook_params::pairs;
use super::webhook_url::resolve;
use super::{documents, twiml};

/// Documents that a trial call may go through.
const TRIAL_HOPS: u32 = 10;
/// Documents that any call may go through. Twilio publishes no limit, but a loop without sound
/// must end somewhere.
const HOPS: u32 = 250;

/// Parameters that each request for a document gets, from what the call then knows.
type LiveParams<'a> = &'a (dyn Fn(&SimulatedCall) -> Vec<(String, String)> + Send + Sync);

impl SimulatedCall {
    /// Talks until the documents end, or somebody hangs up (an error). An inbound call comes with
    /// its first page.
    pub(super) async fn conversation(
        &mut self,
        first: Option<Result<FetchedDocument, FetchFailure>>,
    ) -> Result<(), Interrupt> {
        let step = match first {
            Some(page) => self.turn(page, false).await,
            None => self.opening().await,
        };
        self.converse(step).await
    }

    /// The same from a step on. An update of the call leads to other documents.
    pub(super) async fn converse(
        &mut self,
        mut step: Result<NextStep, Interrupt>,
    ) -> Result<(), Interrupt> {
        loop {
            let outcome = match step {
                Ok(step) => self.run_from(step).await,
                Err(interrupt) => Err(interrupt),
            };
            self.quieten();
            step = match outcome {
                Err(Interrupt::Replace(source)) => Ok(Self::replaced(source)),
                other => return other,
            };
        }
    }

    /// Runs documents from a step on until they end.
    pub(super) fn run_from(&mut self, mut step: NextStep) -> BoxFuture<'_, Result<(), Interrupt>> {
        Box::pin(async move {
            loop {
                step = match step {
                    NextStep::Request(request) => self.visit(request).await?,
                    NextStep::Inline(text) => self.turn(inline(&text), false).await?,
                    NextStep::End => return Ok(()),
                    NextStep::HangUp => return Err(Interrupt::HungUp),
                };
                self.quieten();
            }
        })
    }

    /// Lets a document be heard again and again, or silence, until something interrupts it.
    pub(super) async fn wait_document(
        &mut self,
        wait: Option<&(HttpMethod, String)>,
        params: LiveParams<'_>,
    ) -> Interrupt {
        let (base, hops) = (self.base.clone(), self.hops);
        self.heeds_signals = true;
        let interrupt = loop {
            let Some((method, url)) = wait else {
                match self.hear_nothing_until(Timestamp::MAX).await {
                    Ok(()) => continue,
                    Err(interrupt) => break interrupt,
                }
            };
            let mut request = TwimlRequest::new(*method, url.clone());
            request.extra = params(self);
            let again_at = clock::later(self.moment, Duration::from_secs(1));
            if let Err(interrupt) = self.run_from(NextStep::Request(request)).await {
                break interrupt;
            }
            // An empty document is asked for once a second, not as fast as the network goes.
            if let Err(interrupt) = self.hear_nothing_until(again_at).await {
                break interrupt;
            }
            self.hops = hops;
        };
        self.heeds_signals = false;
        self.base = base;
        self.quieten();
        interrupt
    }

    async fn visit(&mut self, request: TwimlRequest) -> Result<NextStep, Interrupt> {
        self.hops += 1;
        if self.sim.config.trial && self.hops > TRIAL_HOPS + 1 {
            self.announce("This call has gone through too many documents. Goodbye.")
                .await?;
            return Ok(NextStep::HangUp);
        }
        if self.hops > HOPS {
            let url = request.url.clone();
            let what = format!("more than {HOPS} documents in one call");
            return self.refuse(&what, &url).await;
        }
        let fallback = request.fallback;
        let page = self.fetch(request).await?;
        self.turn(page, fallback).await
    }

    /// Fetches a document while the call goes on.
    pub(super) async fn fetch(
        &mut self,
        request: TwimlRequest,
    ) -> Result<Result<FetchedDocument, FetchFailure>, Interrupt> {
        let fetching = self
            .sim
            .lock()
            .call(&self.sid)
            .map(|call| documents::request(&self.sim, call, &request));
        let Some(fetching) = fetching else {
            return Err(Interrupt::Over);
        };
        let stop = self.sim.stop.clone();
        let work = self.sim.tracker.spawn(async move {
            tokio::select! {
                page = fetching => Some(page),
                () = stop.cancelled() => None,
            }
        });
        self.meanwhile(work).await?.flatten().ok_or(Interrupt::Over)
    }

    /// Runs a page, or does what Twilio does where there is none.
    async fn turn(
        &mut self,
        page: Result<FetchedDocument, FetchFailure>,
        was_fallback: bool,
    ) -> Result<NextStep, Interrupt> {
        match page {
            Ok(page) => self.run(&page).await,
            Err(failure) => self.without_document(failure, was_fallback).await,
        }
    }

    async fn without_document(
        &mut self,
        failure: FetchFailure,
        was_fallback: bool,
    ) -> Result<NextStep, Interrupt> {
        let FetchFailure { code, message, url } = failure;
        notify(&self.sim, &self.sid, (code, false), message, &url);
        if self.heeds_signals {
            // A call can wait without its music.
            self.hear_nothing_until(Timestamp::MAX).await?;
        }
        if let Some((method, fallback)) = self.parameters().fallback.filter(|_| !was_fallback) {
            let extra = pairs(&[("ErrorCode", &code.to_string()), ("ErrorUrl", &url)]);
            return Ok(NextStep::Request(TwimlRequest {
                extra,
                fallback: true,
                ..TwimlRequest::new(method, fallback)
            }));
        }
        self.announce("We are sorry, an application error has occurred. Goodbye.")
            .await?;
        Ok(NextStep::HangUp)
    }

    async fn run(&mut self, page: &FetchedDocument) -> Result<NextStep, Interrupt> {
        self.base = page.url.clone();
        let document = match &page.content {
            FetchedContent::Twiml(document) => document,
            FetchedContent::Text(text) => {
                self.announce(text).await?;
                return Ok(NextStep::End);
            }
            FetchedContent::Audio(url) => {
                self.pick_up();
                let audio = ("play", url.as_str());
                self.hold(audio, None, Duration::from_secs(5), BargeIn::NONE)
                    .await?;
                return Ok(NextStep::End);
            }
            FetchedContent::Nothing => {
                self.pick_up();
                return Ok(NextStep::End);
            }
        };
        self.note_document(page, document);
        for verb in &document.verbs {
            if verb.answers() {
                self.pick_up();
            }
            let next = match verb {
                Verb::GatherPrompt(prompt) => {
                    self.prompt(prompt, BargeIn::NONE).await?;
                    None
                }
                Verb::Gather(gather) => self.gather(gather, page).await?,
                Verb::Redirect(target) => Some(self.follow(target, page, Vec::new()).await?),
                Verb::Record(record) => self.record(record, page).await?,
                Verb::Dial(dial) => self.dial(dial, page).await?,
                Verb::Enqueue(enqueue) => self.enqueue(enqueue, page).await?,
                Verb::Leave if self.heeds_signals => return Err(Interrupt::Leave),
                Verb::Leave => None,
                Verb::Refer(action) => self.refuse_refer(action.as_ref(), page).await?,
                Verb::Echo => {
                    self.note_event("echo", "");
                    self.hear_nothing_until(Timestamp::MAX).await?;
                    None
                }
                Verb::Hangup | Verb::Reject(_) => Some(NextStep::HangUp),
                Verb::Unsupported(name) => {
                    let url = page.url.as_deref().unwrap_or_default();
                    Some(self.refuse(name, url).await?)
                }
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
        let rang_in_vain = |verb: &Verb| matches!(verb, Verb::Dial(_));
        if !document.verbs.iter().any(rang_in_vain) {
            self.pick_up();
        }
        Ok(NextStep::End)
    }

    /// Says that something does not work here, and ends the call: verbs behind it might never run
    /// at Twilio.
    async fn refuse(&mut self, what: &str, url: &str) -> Result<NextStep, Interrupt> {
        let message = format!("The simulator does not support {what}");
        tracing::warn!(call_sid = %self.sid, "{message}");
        let notification = (UNSUPPORTED, false);
        notify(&self.sim, &self.sid, notification, message.clone(), url);
        self.announce(&format!("{message}. Goodbye.")).await?;
        Ok(NextStep::HangUp)
    }

    /// Refer works on SIP calls only, and no call here is one.
    async fn refuse_refer(
        &mut self,
        action: Option<&DocumentTarget>,
        page: &FetchedDocument,
    ) -> Result<Option<NextStep>, Interrupt> {
        let url = page.url.as_deref().unwrap_or_default();
        let message = "Refer not allowed on non-SIP call legs".to_owned();
        notify(&self.sim, &self.sid, (13_801, false), message, url);
        match action {
            Some(action) => {
                let extra = pairs(&[("ReferCallStatus", "failed")]);
                self.follow(action, page, extra).await.map(Some)
            }
            None => Ok(None),
        }
    }

    fn note_document(&self, page: &FetchedDocument, document: &TwimlDocument) {
        let url = page.url.as_deref().unwrap_or_default();
        for warning in &document.warnings {
            let message = warning.message.clone();
            notify(&self.sim, &self.sid, (warning.code, true), message, url);
        }
        let names = document.verbs.iter().map(|verb| verb.name().to_owned());
        let verbs = names.collect();
        self.sim.change_call(&self.sid, |call| call.verbs = verbs);
    }

    /// Goes where a verb points; without an address: the current document.
    pub(super) async fn follow(
        &mut self,
        target: &DocumentTarget,
        page: &FetchedDocument,
        extra: Vec<(String, String)>,
    ) -> Result<NextStep, Interrupt> {
        let base = page.url.as_deref();
        let url = match &target.url {
            Some(url) => resolve(base, url),
            None => page.url.clone(),
        };
        match url {
            Some(url) => Ok(NextStep::Request(TwimlRequest {
                extra,
                ..TwimlRequest::new(target.method, url)
            })),
            None => {
                let failure = FetchFailure {
                    code: 15_004,
                    message: "A relative URL in TwiML that has no address of its own".to_owned(),
                    url: target.url.clone().unwrap_or_default(),
                };
                self.without_document(failure, false).await
            }
        }
    }
}

fn inline(text: &str) -> Result<FetchedDocument, FetchFailure> {
    let parsed = twiml::parse(text);
    let document = parsed.map_err(|error| FetchFailure {
        code: error.code(),
        message: error.to_string(),
        url: String::new(),
    })?;
    Ok(FetchedDocument {
        url: None,
        content: FetchedContent::Twiml(document),
    })
}
