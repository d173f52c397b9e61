//! Reads a request's body within a size and a time. It believes nothing of what the body says.

use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::poll;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use poem::http::{StatusCode, header};
use poem::{Endpoint, Middleware, Request};

/// Reason for which a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is, or says that it is, longer than the limit.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke, or the framing of the body is wrong.
    #[error("the body broke off")]
    Broken(#[source] io::Error),
}

impl poem::error::ResponseError for BodyError {
    fn status(&self) -> StatusCode {
        match self {
            Self::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Takes the whole body of `request`: at most `limit` bytes, within `time` from now.
///
/// A `Content-Length` over the limit is refused before a byte is read. When the answer is given
/// before the body has come to its end, hyper closes the connection after it, so a sender that
/// stalls does not keep it.
///
/// # Errors
/// [`BodyError`]; the body is gone then.
pub async fn read_body(
    request: &mut Request,
    limit: usize,
    time: Duration,
) -> Result<Bytes, BodyError> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit))
    {
        return Err(BodyError::TooLong { limit });
    }
    let body: BoxBody<Bytes, io::Error> = request.take_body().into();
    let mut reading = pin!(Limited::new(body, limit).collect());
    // Most bodies came with their heads: there is nothing to wait for, and no timer to set.
    let read = match poll!(reading.as_mut()) {
        Poll::Ready(read) => Ok(read),
        Poll::Pending => tokio::time::timeout(time, reading).await,
    };
    match read {
        Err(_elapsed) => Err(BodyError::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLong { limit }),
        Ok(Err(error)) => Err(BodyError::Broken(match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(
                error
                    .source()
                    .map_or_else(|| error.to_string(), ToString::to_string),
            ),
        })),
    }
}

/// Reads each request's body by [`read_body`] before the endpoint sees it.
///
/// poem's extractors, and poem-openapi's, read whatever comes for as long as it takes: routes that
/// use them belong behind this. Like [`TimeLimit`](super::TimeLimit) it belongs under whatever
/// turns errors into answers.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    /// The most bytes.
    pub bytes: usize,
    /// The most time, from the end of the head.
    pub time: Duration,
}

impl<E: Endpoint> Middleware<E> for BodyLimit {
    type Output = Bounded<E>;

    fn transform(&self, endpoint: E) -> Self::Output {
        Bounded {
            endpoint,
            limit: *self,
        }
    }
}

/// An endpoint under a [`BodyLimit`].
#[derive(Debug)]
pub struct Bounded<E> {
    endpoint: E,
    limit: BodyLimit,
}

impl<E: Endpoint> Endpoint for Bounded<E> {
    type Output = E::Output;

    #[expect(
        clippy::manual_async_fn,
        reason = "an async fn makes room for its arguments twice, and for every request"
    )]
    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Self::Output>> {
        async move {
            let body = read_body(&mut request, self.limit.bytes, self.limit.time).await?;
            request.set_body(body);
            self.endpoint.call(request).await
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::{Body, EndpointExt};

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn request(body: Body) -> Request {
        Request::builder().body(body)
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read() {
        let read = read_body(&mut request(Body::from("12345678")), 8, SOON).await;
        assert_eq!(read.unwrap(), "12345678");
    }

    #[tokio::test]
    async fn a_longer_body_is_refused_without_a_content_length() {
        let read = read_body(&mut request(Body::from("123456789")), 8, SOON).await;
        assert!(
            matches!(read, Err(BodyError::TooLong { limit: 8 })),
            "{read:?}"
        );
    }

    #[tokio::test]
    async fn a_content_length_over_the_limit_is_refused_before_a_byte_is_read() {
        let (_never, reader) = tokio::io::duplex(1);
        let mut request = Request::builder()
            .header("content-length", "9")
            .body(Body::from_async_read(reader));
        let read = read_body(&mut request, 8, SOON).await;
        assert!(
            matches!(read, Err(BodyError::TooLong { limit: 8 })),
            "{read:?}"
        );
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_given_up() {
        let (_never, reader) = tokio::io::duplex(1);
        let read = read_body(
            &mut request(Body::from_async_read(reader)),
            8,
            Duration::from_millis(1),
        )
        .await;
        assert!(matches!(read, Err(BodyError::TooSlow)), "{read:?}");
    }

    #[tokio::test]
    async fn an_extractor_behind_the_limit_gets_the_whole_body_or_is_not_reached() {
        let echo = poem::endpoint::make(|request: Request| async move {
            request.into_body().into_string().await
        });
        let echo = echo.with(BodyLimit {
            bytes: 8,
            time: SOON,
        });
        assert_eq!(
            echo.call(request(Body::from("12345678"))).await.unwrap(),
            "12345678"
        );
        let error = echo
            .call(request(Body::from("123456789")))
            .await
            .unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_says_so() {
        let broken = futures_util::stream::iter([Err::<Bytes, _>(io::Error::other("gone"))]);
        let read = read_body(&mut request(Body::from_bytes_stream(broken)), 8, SOON).await;
        assert!(matches!(read, Err(BodyError::Broken(_))), "{read:?}");
    }
}
