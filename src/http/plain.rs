//! The guest's pages without scripts: the form's handler, and a call as it stands.
//!
//! Only where no key is needed: a page without scripts cannot send one. Nothing that was typed ever
//! stands in a URL.

mod page;

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::web::{Data, Form, Path, Redirect};
use poem::{EndpointExt, IntoResponse, Request, Response, Route, get, handler, post};

use super::headers::page;
use super::problem::{Code, Failure};
use crate::call::Call;
use crate::domain::CallId;
use crate::service::Service;
use page::{CALL, REFRESH, fields, form, headline, standing};

type Typed = BTreeMap<String, String>;

/// The owner of calls where no key is needed.
#[derive(Clone, Debug)]
struct Anonymous(Arc<str>);

/// The routes of these pages, for calls of `owner`.
pub fn routes(service: &Service, owner: Arc<str>) -> Route {
    let owner = Anonymous(owner);
    Route::new()
        .at("/", post(place).data(service.clone()).data(owner.clone()))
        .at("/:id", get(show).data(service.clone()).data(owner.clone()))
        .at(
            "/:id/cancel",
            post(cancel).data(service.clone()).data(owner),
        )
}

/// Returns whether a page of elsewhere sent this form. Browsers say so themselves.
fn is_foreign(request: &Request) -> bool {
    let site = request.header("sec-fetch-site");
    site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

fn foreign() -> Failure {
    Failure::new(
        Code::BadRequest,
        "This form was sent by a page of another site.",
    )
}

/// Asks for the call that was typed in; what is wrong comes back with all that was typed.
#[handler]
async fn place(
    request: &Request,
    service: Data<&Service>,
    owner: Data<&Anonymous>,
    typed: Form<Typed>,
) -> Result<Response, Failure> {
    if is_foreign(request) {
        return Err(foreign());
    }
    let made = service
        .creator()
        .create(&owner.0.0, &fields(&typed.0), None)
        .await;
    let failure = match made {
        Ok(made) => return Ok(see(&made.call.id.to_string())),
        Err(error) => Failure::from(error),
    };
    // Sent twice, it is one wish.
    if let Some(open) = failure.call_id() {
        return Ok(see(open));
    }
    let one_restaurant = service.settings().defaults.restaurant_phone.is_some();
    let mut response = page(form(&typed.0, &failure, one_restaurant));
    response.set_status(failure.code.status());
    Ok(response)
}

/// The call as it stands; looks again by itself until it is over.
#[handler]
async fn show(
    service: Data<&Service>,
    owner: Data<&Anonymous>,
    id: Path<String>,
) -> Result<Response, Failure> {
    let call = find(*service, &owner.0.0, &id.0).await?;
    let refresh = if call.is_finished() {
        String::new()
    } else {
        format!("<meta http-equiv=\"refresh\" content=\"{REFRESH}\">\n")
    };
    let text = CALL
        .replace("{{refresh}}", &refresh)
        .replace("{{title}}", headline(&call))
        .replace("{{body}}", &standing(&call));
    Ok(page(text))
}

#[handler]
async fn cancel(
    request: &Request,
    service: Data<&Service>,
    owner: Data<&Anonymous>,
    id: Path<String>,
) -> Result<Response, Failure> {
    if is_foreign(request) {
        return Err(foreign());
    }
    let call = find(*service, &owner.0.0, &id.0).await?;
    match service.cancel(&owner.0.0, call.id).await {
        // Too late: its page says what the restaurant answered.
        Ok(_) | Err(crate::service::ServiceError::CallFinished) => Ok(see(&id.0)),
        Err(error) => Err(error.into()),
    }
}

async fn find(service: &Service, owner: &str, id: &str) -> Result<Arc<Call>, Failure> {
    let unknown = || Failure::new(Code::NotFound, "There is no call with this id.");
    let id: CallId = id.parse().map_err(|_| unknown())?;
    let found = service.get(owner, id).await.map_err(Failure::from);
    found.map_err(|failure| {
        if failure.code == Code::CallNotFound {
            unknown()
        } else {
            failure
        }
    })
}

fn see(id: &str) -> Response {
    Redirect::see_other(format!("/call/{id}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use serde_json::json;

    fn typed(fields: &[(&str, &str)]) -> Typed {
        fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_form_is_the_body_of_a_create() {
        let typed = typed(&[
            ("name", " Ana "),
            ("phone", "+14155550101"),
            ("date", "2027-06-18"),
            ("time", "19:30"),
            ("party_size", "4"),
            ("restaurant", ""),
            ("flexible", "yes"),
            ("earliest", "19:00"),
            ("latest", "21:00"),
        ]);
        assert_eq!(
            Value::Object(fields(&typed)),
            json!({
                "name": "Ana", "phone": "+14155550101", "time": "2027-06-18T19:30", "party_size": 4,
                "alternatives": {"earliest": "19:00", "latest": "21:00"}
            })
        );
        let strange = fields(&BTreeMap::from([(
            "party_size".to_owned(),
            "four".to_owned(),
        )]));
        assert_eq!(
            strange["party_size"], "four",
            "the API says what is wrong with it"
        );
    }

    #[test]
    fn what_was_typed_comes_back_and_is_never_markup() {
        let typed = typed(&[
            ("name", "\"><script>alert(1)</script>"),
            ("notes", "</textarea><b>"),
            ("party_size", "7"),
            ("onload", "x"),
            ("date", "2027-06-18"),
        ]);
        let failure = Failure::new(Code::InvalidRequest, "One field is wrong.");
        let page = form(&typed, &failure, false);
        assert!(
            page.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""),
            "{page}"
        );
        assert!(
            page.contains(">&lt;/textarea&gt;&lt;b&gt;</textarea>"),
            "{page}"
        );
        assert!(
            page.contains(" value=\"7\"") && !page.contains("value=\"2\""),
            "{page}"
        );
        assert!(page.contains("value=\"2027-06-18\""), "{page}");
        assert!(
            page.contains("role=\"alert\">One field is wrong."),
            "{page}"
        );
    }
}
