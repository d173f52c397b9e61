//! The pages and what they must know of the service before they ask it anything. It decides
//! nothing.

use poem::{Endpoint, IntoResponse, Request, Response};
use serde_json::{Value, json};

use super::assets::Assets;
use super::headers::PageHeaders;
use crate::service::ServiceSettings;

/// Serves the files of the pages, and everything else by the inner endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Pages<E> {
    files: PageHeaders<Assets>,
    names: Assets,
    inner: E,
}

impl<E> Pages<E> {
    /// Puts these pages in front of `inner`.
    pub const fn new(inner: E, names: Assets) -> Self {
        Self {
            files: PageHeaders(names),
            names,
            inner,
        }
    }
}

impl<E: Endpoint> Endpoint for Pages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if self.names.has(request.uri().path()) {
            return self.files.call(request).await;
        }
        Ok(self.inner.call(request).await?.into_response())
    }
}

/// The pages of a deployment; the phone's page is there only with a simulator. `keyed`: the API needs
/// a key.
#[must_use]
pub const fn files(settings: &ServiceSettings, simulator: bool, keyed: bool) -> Assets {
    let files = if simulator {
        Assets::all()
    } else {
        Assets::hiding("/simulator")
    };
    let one_restaurant = settings.defaults.restaurant_phone.is_some();
    files.keyed(keyed).for_one_restaurant(one_restaurant)
}

/// The settings of the app's page. They are not secret.
#[must_use]
pub fn about(settings: &ServiceSettings, simulator: bool) -> Value {
    let languages: Vec<&str> = settings
        .defaults
        .languages
        .iter()
        .map(crate::domain::Language::as_str)
        .collect();
    json!({
        "service_name": settings.service_name,
        "simulator": simulator,
        "one_restaurant": settings.defaults.restaurant_phone.is_some(),
        "country": settings.defaults.country.map(|country| country.as_str().to_owned()),
        "languages": languages,
    })
}

#[cfg(test)]
mod tests {
    use poem::http::StatusCode;

    use super::*;

    /// Answers what no page does.
    async fn status(path: &str, simulator: bool) -> StatusCode {
        let inner = poem::endpoint::make_sync(|_| StatusCode::NO_CONTENT);
        let request = Request::builder().uri(path.parse().unwrap()).finish();
        let files = if simulator {
            Assets::all()
        } else {
            Assets::hiding("/simulator")
        };
        Pages::new(inner, files)
            .call(request)
            .await
            .unwrap()
            .status()
    }

    #[tokio::test]
    async fn the_phone_is_there_with_a_simulator_only() {
        for path in ["/simulator", "/simulator/main.js", "/simulator/phone.css"] {
            assert_eq!(status(path, true).await, StatusCode::OK, "{path}");
            assert_eq!(status(path, false).await, StatusCode::NO_CONTENT, "{path}");
        }
        for path in ["/", "/docs", "/sw.js", "/app/main.js", "/icons/icon.svg"] {
            assert_eq!(status(path, false).await, StatusCode::OK, "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_no_file_is_left_to_the_others() {
        for path in [
            "/api/call",
            "/simulator/api/state",
            "/simulator/2010-04-01/Accounts",
            "/index.html",
            "/healthz",
        ] {
            assert_eq!(status(path, true).await, StatusCode::NO_CONTENT, "{path}");
        }
    }
}
