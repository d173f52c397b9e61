//! The API for clients, as the document describes it.

pub mod request;
pub mod json_text;
pub mod view;
pub mod enums;
pub mod list;
mod events;
mod responses;
mod check;
mod identifiers;
mod parameters;
mod strict_json;

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::PlainText;
use poem_openapi::types::Example as _;
use poem_openapi::{ApiResponse, OpenApi, Tags};
use responses::{
    CalendarResponse, CancelResponse, CheckResponse, CreateResponse, FollowResponse, ReadResponse,
    ResendResponse,
};

use self::json_text::JsonText;
use self::list::ListParameters;
use self::request::{Body, CallRequest};
use super::calendar;
use super::keys::Owner;
use super::problem::{Code, Failure, rate_limit};
use crate::call::Call;
use crate::service::{Service, ServiceError};
use crate::telemetry;

pub(super) use self::list::CallListView;
pub(super) use self::view::CallView;
pub(super) use check::CheckView;
pub(super) use identifiers::{read_id, read_idempotency_key};

/// The groups of operations in the document.
#[derive(Tags)]
enum Group {
    /// Asking restaurants for tables, and what came of it.
    Calls,
    /// What happened to a call, as it happens: by stream, and by signed requests to a `callback_url`.
    Events,
}

/// The operations under `/api`.
#[derive(Debug)]
pub struct Api {
    service: Service,
}

#[derive(ApiResponse)]
enum Listed {
    /// Calls of this key, newest first.
    #[oai(status = 200)]
    Calls(JsonText<CallListView>),
}

impl Api {
    /// The operations over a service.
    #[must_use]
    pub const fn new(service: Service) -> Self {
        Self { service }
    }
}

#[OpenApi(prefix_path = "/api", tag = "Group::Calls")]
impl Api {
    /// Ask a restaurant for a table
    ///
    /// Rings the restaurant at once if it may be rung, else queues the call. The answer tells
    /// which; follow the call at its `events`. A field or a header that is given twice, and any
    /// parameter in the URL, is refused.
    #[oai(path = "/call", method = "post", operation_id = "create_call")]
    async fn create_call(
        &self,
        request: &Request,
        /// 1 to 255 characters, bare or quoted. A repeated request with the same key gets the same
        /// call, for 24 hours, also when it would be refused by now; `404` when that call is no
        /// longer held. Refusals are not kept.
        #[oai(name = "Idempotency-Key")]
        _idempotency_key: Header<Option<String>>,
        body: Body<CallRequest>,
    ) -> poem::Result<CreateResponse> {
        let owner = owner(request)?;
        parameters::refuse_any(request)?;
        let key = parameters::header(request, "Idempotency-Key")?
            .map(read_idempotency_key)
            .transpose()?;
        let creator = self.service.creator();
        let made = creator.create(&owner, &body.fields, key).await;
        self.created(&owner, made).await
    }

    /// The calls of this key
    ///
    /// The calls that this key has made, newest first, for as long as they are held. A page may have
    /// fewer calls than `limit`, or none, where a filter leaves most of them out: there are older
    /// ones as long as `next_cursor` is not null. A parameter that is not listed here, or is given
    /// twice, is refused.
    #[oai(path = "/call", method = "get", operation_id = "list_calls")]
    async fn list_calls(
        &self,
        request: &Request,
        /// The most calls of a page.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// Only calls that stand here.
        status: Query<Option<String>>,
        /// Only calls with this verdict.
        outcome: Query<Option<String>>,
        /// Only calls to this number, in E.164 or as `POST /api/call` reads it without `country`. A
        /// header, because URLs stand in the logs of every proxy on the way and no number may: a
        /// query with `phone` is refused.
        #[oai(name = "Restaurant-Phone")]
        _restaurant_phone: Header<Option<String>>,
    ) -> poem::Result<Listed> {
        let owner = owner(request)?;
        let query = ListParameters {
            limit: limit.0,
            cursor: cursor.0,
            status: status.0,
            outcome: outcome.0,
            phone: parameters::header(request, "Restaurant-Phone")?.map(str::to_owned),
        };
        let asked = query
            .read(
                request.uri().query().unwrap_or_default(),
                &self.service.settings().defaults,
            )
            .map_err(|wrong| Failure::from(ServiceError::Invalid(wrong)))?;
        let page = self
            .service
            .list(&owner, &asked.filter, asked.before, asked.most)
            .await
            .map_err(Failure::from)?;
        let views = page.calls.iter().map(|call| self.view(call));
        let calls = futures_util::future::join_all(views).await;
        Ok(Listed::Calls(JsonText::of(&CallListView::of(
            calls, page.next,
        ))))
    }

    /// What would happen
    ///
    /// Reads the same body as a create and tells what that would do, and what staff would hear.
    /// Nothing is dialled.
    #[oai(path = "/call/check", method = "post", operation_id = "check_call")]
    async fn check_call(
        &self,
        request: &Request,
        body: Body<CallRequest>,
    ) -> poem::Result<CheckResponse> {
        let owner = owner(request)?;
        parameters::refuse_any(request)?;
        let check = self
            .service
            .creator()
            .check(&owner, &body.fields)
            .await
            .map_err(Failure::from)?;
        Ok(CheckResponse::Check(JsonText::of(&CheckView::of(check))))
    }

    /// One call
    ///
    /// The call as it stands now. To hear of each change, follow it.
    #[oai(path = "/call/:id", method = "get", operation_id = "get_call")]
    async fn get_call(
        &self,
        request: &Request,
        /// The `id` of a call of this key.
        id: Path<String>,
    ) -> poem::Result<ReadResponse> {
        let call = self.find(request, &id.0).await?;
        Ok(ReadResponse::Call(JsonText::of(&self.view(&call).await)))
    }

    /// Follow a call
    ///
    /// Server-sent events: the newest state at once, then each change, as `event: call` with the
    /// call's `version` as `id` and the call as `data`. Ends after the final one. Resumes after
    /// `Last-Event-ID`.
    #[oai(
        path = "/call/:id/events",
        method = "get",
        operation_id = "follow_call",
        tag = "Group::Events"
    )]
    async fn follow_call(
        &self,
        request: &Request,
        /// The `id` of a call of this key.
        id: Path<String>,
        /// The `version` seen last.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
    ) -> poem::Result<FollowResponse> {
        let owner = owner(request)?;
        let id = read_id(&id.0)?;
        let calls = self
            .service
            .watch(&owner, id)
            .await
            .map_err(Failure::from)?;
        let seen: Option<u64> = last_event_id.0.and_then(|id| id.trim().parse().ok());
        let nothing_new = {
            let call = calls.borrow();
            call.is_finished() && seen == Some(call.version)
        };
        // 204 makes a browser's EventSource stop; an empty stream would make it ask for
        // ever.
        if nothing_new {
            return Ok(FollowResponse::Over(PlainText("")));
        }
        Ok(FollowResponse::Events(events::stream(
            calls,
            seen,
            &self.service,
        )))
    }

    /// Stop a call
    ///
    /// Stops a queued, ringing or live call. Repeating it changes nothing.
    #[oai(
        path = "/call/:id/cancel",
        method = "post",
        operation_id = "cancel_call"
    )]
    async fn cancel_call(
        &self,
        request: &Request,
        /// The `id` of a call of this key.
        id: Path<String>,
    ) -> poem::Result<CancelResponse> {
        let owner = owner(request)?;
        let call = self
            .service
            .cancel(&owner, read_id(&id.0)?)
            .await
            .map_err(Failure::from)?;
        Ok(CancelResponse::Call(JsonText::of(&self.view(&call).await)))
    }

    /// Take the time that was offered
    ///
    /// Calls the restaurant back for a finished call whose outcome is `countered`: it says that the
    /// guest takes the time which was offered, and asks for key 1. That is a call of its own, which
    /// names this one as `accepts_offer_of` and is named by it as `offer_accepted_by`. A repeat gets
    /// the same call, whatever became of it.
    #[oai(
        path = "/call/:id/accept",
        method = "post",
        operation_id = "accept_call"
    )]
    async fn accept_call(
        &self,
        request: &Request,
        /// The `id` of a call of this key.
        id: Path<String>,
    ) -> poem::Result<CreateResponse> {
        let offer = self.find(request, &id.0).await?;
        let made = self.service.creator().accept(&offer).await;
        self.created(&offer.owner, made).await
    }

    /// Send the events of a call again
    ///
    /// Sends the newest state to the `callback_url` of the call once more, also when it was
    /// received or given up. It has the same `webhook-id` as before unless the call has changed.
    /// How that goes is told by `delivery`.
    #[oai(
        path = "/call/:id/events/resend",
        method = "post",
        operation_id = "resend_events",
        tag = "Group::Events"
    )]
    async fn resend_events(
        &self,
        request: &Request,
        /// The `id` of a call of this key.
        id: Path<String>,
    ) -> poem::Result<ResendResponse> {
        let owner = owner(request)?;
        let call = self
            .service
            .resend(&owner, read_id(&id.0)?)
            .await
            .map_err(Failure::from)?;
        Ok(ResendResponse::Call(JsonText::of(&self.view(&call).await)))
    }

    /// The confirmed reservation as a calendar entry
    ///
    /// An iCalendar file (RFC 5545) for the guest's own calendar. Only for a call whose outcome is
    /// `confirmed`.
    #[oai(
        path = "/call/:id/calendar.ics",
        method = "get",
        operation_id = "calendar_entry"
    )]
    async fn calendar_entry(
        &self,
        request: &Request,
        /// The `id` of a call of this key.
        id: Path<String>,
    ) -> poem::Result<CalendarResponse> {
        let call = self.find(request, &id.0).await?;
        let entry = calendar::entry(&call, &self.service.page_of(call.id)).ok_or_else(|| {
            Failure::new(
                Code::NotConfirmed,
                "Only a confirmed reservation has a calendar entry.",
            )
        })?;
        Ok(CalendarResponse::Entry(
            PlainText(entry),
            "attachment; filename=\"reservation.ics\"".to_owned(),
        ))
    }
}

impl Api {
    /// The answer to a create, with what is left to its key.
    async fn created(
        &self,
        owner: &str,
        made: Result<crate::service::Created, ServiceError>,
    ) -> poem::Result<CreateResponse> {
        // A store that cannot answer has failed the create already.
        let told = made.as_ref().ok().and_then(|made| made.creates);
        let allowance = self
            .service
            .creator()
            .allowance(owner, told)
            .await
            .ok()
            .flatten();
        let call = made
            .map_err(|error| Failure::from(error).within(allowance))?
            .call;
        telemetry::request::note_call(call.id.as_bytes());
        let (policy, left) = allowance.as_ref().map(rate_limit).unzip();
        Ok(CreateResponse::Call(
            JsonText::of(&self.view(&call).await),
            format!("/api/call/{}", call.id),
            policy,
            left,
        ))
    }

    async fn find(&self, request: &Request, id: &str) -> Result<Arc<Call>, Failure> {
        let owner = owner(request)?;
        self.service
            .get(&owner, read_id(id)?)
            .await
            .map_err(Failure::from)
    }

    /// The call as it is shown. A store that cannot tell how far its events have come is no reason
    /// to hide the call.
    async fn view(&self, call: &Call) -> CallView {
        CallView::with(call, self.service.delivery(call).await.ok().flatten())
    }
}

/// The owner of a request, which `api_auth` has authenticated before.
fn owner(request: &Request) -> Result<Arc<str>, Failure> {
    let owner = request.data::<Owner>().map(|owner| owner.0.clone());
    owner.ok_or_else(|| {
        Failure::new(
            Code::Unauthorized,
            "Send a key: Authorization: Bearer SECRET.",
        )
    })
}

/// The example of a create, for the page that says how to try it.
#[must_use]
pub fn example() -> String {
    use poem_openapi::types::ToJSON;
    CallRequest::example().to_json_string()
}
