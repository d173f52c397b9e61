//! The sound of recordings.

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::recordings::{wav_bytes, wav_header};
use super::rest_request::RestRequest;
use super::{Inner, SimulatorBody};

/// The sound of a recording. As at Twilio, its URL opens without credentials.
pub(super) fn media(
    sim: &Inner,
    asked: &RestRequest<'_>,
    resource: &str,
) -> Option<Response<SimulatorBody>> {
    let path = resource.strip_prefix("Accounts/")?;
    let path = path.strip_prefix(sim.config.account_sid.as_str())?;
    let name = path.strip_prefix("/Recordings/")?;
    let sid = name.strip_suffix(".wav").unwrap_or(name);
    if !asked.is_get() || !sid.starts_with("RE") || sid.contains(['.', '/']) {
        return None;
    }
    let seconds = {
        let state = sim.lock();
        let recording = state.recordings.iter().find(|it| it.sid == sid)?;
        recording.seconds()
    };
    const CHUNK: u64 = 64 * 1024;
    let silence = (0..wav_bytes(seconds).div_ceil(CHUNK)).map(move |number| {
        let left = wav_bytes(seconds) - number * CHUNK;
        Bytes::from(vec![0; usize::try_from(left.min(CHUNK)).unwrap_or(0)])
    });
    let header = Bytes::from(wav_header(seconds));
    let chunks = std::iter::once(header).chain(silence);
    let frames = chunks.map(|chunk| Ok::<_, std::io::Error>(Frame::data(chunk)));
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut response = Response::new(body.boxed());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("audio/x-wav"),
    );
    headers.insert(
        header::CONTENT_LENGTH,
        HeaderValue::from(44 + wav_bytes(seconds)),
    );
    Some(response)
}
