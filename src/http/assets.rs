//! Serves the files that are part of the binary: the pages under `web/` and Swagger UI's two, as
//! `build.rs` made them.
//!
//! It must not read a disk: what is served is what was built. Headers that hold for every answer,
//! the content security policy among them, are not its business.

use bytes::Bytes;
use poem::error::{NotFoundError, ResponseError};
use poem::http::{HeaderMap, Method, StatusCode, Uri, header};
use poem::{Endpoint, Request, Response};

use super::headers::PageHeaders;

/// One file.
#[derive(Debug)]
struct Asset {
    /// Path at which it is served; sorted.
    path: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    /// Only where it is smaller.
    gzip: Option<&'static [u8]>,
    /// Strong and quoted, of the plain form.
    etag: &'static str,
    /// A tag of its own, because it is strong and the compressed form is another sequence of bytes
    /// (RFC 9110, 8.8.3.3).
    etag_gzip: &'static str,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Paths under which `build.rs` puts the forms: that for anybody, that of a deployment that needs
/// keys, and the same where the carrier is simulated.
const FORMS: [&str; 3] = ["/", "/ keyed", "/ keyed simulator"];
/// The same forms of a deployment for one restaurant.
const FORMS_FOR_ONE: [&str; 3] = ["/ one", "/ keyed one", "/ keyed simulator one"];

/// The methods a file answers, for `Allow`.
pub const ALLOW: &str = "GET, HEAD, OPTIONS";

/// A file was asked for with a method other than GET and HEAD; answered with `Allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file can only be read")]
pub struct OnlyRead;

impl ResponseError for OnlyRead {
    fn status(&self) -> StatusCode {
        StatusCode::METHOD_NOT_ALLOWED
    }

    fn as_response(&self) -> Response {
        Response::builder()
            .status(self.status())
            .header(header::ALLOW, ALLOW)
            .finish()
    }
}

/// The endpoint for all files, by their whole path: it belongs at the root or behind routes that
/// keep the path.
///
/// `web/index.html` is served at `/`, `web/docs.html` at `/docs`, anything else under its own name.
/// Errors: [`NotFoundError`] and [`OnlyRead`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Assets {
    hidden: Option<&'static str>,
    /// The form is the one that sends nothing without scripts.
    keyed: bool,
    /// The form asks for the guest's own number only.
    one_restaurant: bool,
    /// The page for unknown paths is among the files: at its own path it is unknown too.
    not_found: bool,
}

/// The page for unknown paths.
const NOT_FOUND_PAGE: &str = "/nothing";

impl Assets {
    /// All files.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            hidden: None,
            keyed: false,
            one_restaurant: false,
            not_found: false,
        }
    }

    /// All files but those whose path begins with `prefix`, for pages that exist in one mode only.
    #[must_use]
    pub const fn hiding(prefix: &'static str) -> Self {
        Self {
            hidden: Some(prefix),
            keyed: false,
            one_restaurant: false,
            not_found: false,
        }
    }

    /// The same for a deployment that needs keys: without scripts its form cannot send one, so it
    /// sends nothing.
    #[must_use]
    pub const fn keyed(self, keyed: bool) -> Self {
        Self { keyed, ..self }
    }

    /// The same for a deployment that calls one restaurant: its form asks for the guest's number.
    #[must_use]
    pub const fn for_one_restaurant(self, one_restaurant: bool) -> Self {
        Self {
            one_restaurant,
            ..self
        }
    }

    /// The text of a page or a file.
    #[must_use]
    pub fn text(self, path: &str) -> Option<&'static str> {
        str::from_utf8(self.find(path)?.plain).ok()
    }

    /// Returns whether there is a file at this path.
    #[must_use]
    pub fn has(self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// Path of the form of this deployment.
    const fn form(self) -> &'static str {
        let [open, keyed, simulated] = if self.one_restaurant {
            FORMS_FOR_ONE
        } else {
            FORMS
        };
        match (self.keyed, self.hidden) {
            (true, None) => simulated,
            (true, Some(_)) => keyed,
            (false, _) => open,
        }
    }

    fn find(self, path: &str) -> Option<&'static Asset> {
        let path = path
            .strip_suffix('/')
            .filter(|shorter| !shorter.is_empty())
            .unwrap_or(path);
        if self.hidden.is_some_and(|prefix| path.starts_with(prefix)) {
            return None;
        }
        if path == NOT_FOUND_PAGE && !self.not_found {
            return None;
        }
        let path = if path == "/" { self.form() } else { path };
        let place = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
        ASSETS.get(place)
    }
}

/// The page that says that there is none, for browsers.
pub async fn not_found() -> Response {
    let request = Request::builder()
        .uri(Uri::from_static(NOT_FOUND_PAGE))
        .finish();
    let pages = Assets {
        not_found: true,
        ..Assets::all()
    };
    let page = PageHeaders(pages).call(request).await;
    let mut response = page.unwrap_or_default();
    response.set_status(StatusCode::NOT_FOUND);
    for name in [header::ETAG, header::CACHE_CONTROL, header::VARY] {
        response.headers_mut().remove(name);
    }
    response
}

impl Endpoint for Assets {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let asset = self.find(request.uri().path()).ok_or(NotFoundError)?;
        if *request.method() != Method::GET && *request.method() != Method::HEAD {
            return Err(OnlyRead.into());
        }
        Ok(asset.answer(request.headers(), *request.method() == Method::HEAD))
    }
}

impl Asset {
    fn answer(&self, asked: &HeaderMap, head: bool) -> Response {
        let gzip = self.gzip.filter(|_| accepts_gzip(asked));
        let (bytes, etag) = gzip.map_or((self.plain, self.etag), |bytes| (bytes, self.etag_gzip));
        let mut answer = Response::builder()
            .header(header::ETAG, etag)
            .header(header::CACHE_CONTROL, self.caching());
        if self.gzip.is_some() {
            answer = answer.header(header::VARY, "accept-encoding");
        }
        if is_known(asked, etag) {
            return answer.status(StatusCode::NOT_MODIFIED).finish();
        }
        answer = answer
            .content_type(self.content_type)
            .header(header::CONTENT_LENGTH, bytes.len());
        if gzip.is_some() {
            answer = answer.header(header::CONTENT_ENCODING, "gzip");
        }
        if head {
            answer.finish()
        } else {
            answer.body(Bytes::from_static(bytes))
        }
    }

    /// A name with a hash never changes its content; all others are asked about each time, which
    /// costs a 304.
    fn caching(&self) -> &'static str {
        let name = self
            .path
            .rsplit_once('/')
            .map_or(self.path, |(_, name)| name);
        let hashed = name.split(['.', '-']).skip(1).any(|part| {
            part.len() >= 8
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        });
        if hashed {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }
}

/// All values of a list header, over several lines if need be.
fn listed<'a>(asked: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = asked
        .get_all(name)
        .into_iter()
        .filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Returns whether `If-None-Match` names `etag`; compared weakly (RFC 9110, 13.1.2). Our tags have
/// no comma in them.
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    listed(asked, &header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

/// Returns whether `Accept-Encoding` takes gzip: named, or else by `*`, with a weight that is not 0
/// (RFC 9110, 12.5.3).
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let mut any = false;
    for entry in listed(asked, &header::ACCEPT_ENCODING) {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = parameters
            .trim()
            .strip_prefix(['q', 'Q'])
            .and_then(|rest| rest.trim_start().strip_prefix('='));
        let wanted = weight.is_none_or(|weight| {
            weight
                .trim()
                .parse::<f32>()
                .is_ok_and(|weight| weight > 0.0)
        });
        let coding = coding.trim();
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            return wanted;
        }
        any |= coding == "*" && wanted;
    }
    any
}

#[cfg(test)]
mod tests;
