//! Fetches what a Play plays, and finds out how long it lasts. No parameter and no signature goes
//! with the request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header;

use super::Inner;
use super::exchange_log::Exchange;
use super::http_client::{ExchangeError, HttpRequest, HttpResponse};
use super::webhook_url::{WebhookUrl, resolve};

/// Largest file that is fetched, in bytes.
const LARGEST: usize = 40 * 1024 * 1024;
/// The longest fetch, redirects included.
const PATIENCE: Duration = Duration::from_secs(15);
const REDIRECTS: usize = 10;
/// Assumed length of a file whose format does not contain it.
const UNKNOWN: Duration = Duration::from_secs(5);

/// Fetches a file; its length, or Twilio's code with a message.
pub(super) async fn fetch(
    sim: &Arc<Inner>,
    call_sid: &str,
    url: String,
) -> Result<Duration, (u32, String)> {
    let fetching = follow(sim, call_sid, url);
    match tokio::time::timeout(PATIENCE, fetching).await {
        Ok(outcome) => outcome,
        Err(_) => Err((11_200, ExchangeError::Timeout.to_string())),
    }
}

async fn follow(
    sim: &Arc<Inner>,
    call_sid: &str,
    mut url: String,
) -> Result<Duration, (u32, String)> {
    for _ in 0..=REDIRECTS {
        let begun = Instant::now();
        let outcome = attempt(sim, &url).await;
        record(sim, call_sid, &url, (&outcome, begun));
        let response = outcome.map_err(|error| (11_200, error.to_string()))?;
        match response.status {
            200..=299 => return length(&response),
            301 | 302 | 303 | 307 | 308 => {
                let location = response.header(header::LOCATION);
                let next = location.and_then(|to| resolve(Some(&url), &to));
                url = next.ok_or((11_216, "A redirect without a usable Location".to_owned()))?;
            }
            status => return Err((11_200, format!("HTTP retrieval failure: {status}"))),
        }
    }
    Err((11_215, "Too many redirects".to_owned()))
}

async fn attempt(sim: &Inner, url: &str) -> Result<HttpResponse, ExchangeError> {
    let url = WebhookUrl::parse(url).ok_or(ExchangeError::Url)?;
    let mut headers = vec![
        ("user-agent", "TwilioProxy/1.1".to_owned()),
        ("accept", "audio/*".to_owned()),
    ];
    headers.extend(url.authorization().map(|it| ("authorization", it)));
    let request = HttpRequest {
        method: http::Method::GET,
        url: &url,
        headers,
        body: None,
    };
    sim.client.send(request, LARGEST).await
}

/// The length of an audio file; an error when it is none.
fn length(response: &HttpResponse) -> Result<Duration, (u32, String)> {
    let kind = response.header(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    match kind.as_str() {
        "audio/wav" | "audio/wave" | "audio/x-wav" => Ok(wav_length(&response.body)),
        "audio/ulaw" | "audio/basic" => Ok(bytes_at(response.body.len(), 8_000)),
        "audio/gsm" | "audio/x-gsm" => Ok(bytes_at(response.body.len(), 1_650)),
        "audio/mpeg" | "audio/mp3" => Ok(mpeg_length(&response.body)),
        "audio/aiff" | "audio/x-aiff" | "audio/x-aifc" => Ok(UNKNOWN),
        other => Err((13_420, format!("Play: Invalid Content-Type {other}"))),
    }
}

fn bytes_at(bytes: usize, per_second: u32) -> Duration {
    Duration::from_secs_f64(bytes as f64 / f64::from(per_second.max(1)))
}

/// The length of a WAV file, from its header.
fn wav_length(body: &[u8]) -> Duration {
    let number = |at: usize| {
        let bytes = body.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let rate = number(28).filter(|rate| *rate > 0);
    match rate {
        Some(rate) if body.starts_with(b"RIFF") => bytes_at(body.len().saturating_sub(44), rate),
        Some(_) | None => UNKNOWN,
    }
}

/// The length of an MP3 file, from the bit rate of its first frame.
fn mpeg_length(body: &[u8]) -> Duration {
    const VERSION_1: [u32; 16] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0,
    ];
    const VERSION_2: [u32; 16] = [
        0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0,
    ];
    let frame = body
        .windows(3)
        .find(|bytes| bytes[0] == 0xFF && bytes[1] & 0xE6 == 0xE2);
    let Some(frame) = frame else {
        return UNKNOWN;
    };
    let table = if frame[1] & 0x08 == 0 {
        VERSION_2
    } else {
        VERSION_1
    };
    match table.get(usize::from(frame[2] >> 4)) {
        Some(rate) if *rate > 0 => bytes_at(body.len(), rate * 125),
        Some(_) | None => UNKNOWN,
    }
}

fn record(
    sim: &Inner,
    call_sid: &str,
    url: &str,
    (outcome, begun): (&Result<HttpResponse, ExchangeError>, Instant),
) {
    let response = outcome.as_ref().ok();
    sim.record(Exchange {
        id: 0,
        at: sim.clock.now(),
        direction: "webhook",
        kind: "media",
        call_sid: Some(call_sid.to_owned()),
        method: "GET".to_owned(),
        url: url.to_owned(),
        params: Vec::new(),
        signature: None,
        idempotency_token: None,
        status: response.map(|response| response.status),
        content_type: response.and_then(|response| response.header(header::CONTENT_TYPE)),
        body: response
            .map(|response| format!("({} bytes)", response.body.len()))
            .unwrap_or_default(),
        error: outcome.as_ref().err().map(ToString::to_string),
        milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
}

#[cfg(test)]
mod tests {
    use super::super::recordings;
    use super::*;

    #[test]
    fn the_length_of_a_file_is_read_from_its_header() {
        let mut wav = recordings::wav_header(3);
        assert_eq!(wav.len(), 44);
        wav.resize(44 + 48_000, 0);
        assert_eq!(wav_length(&wav), Duration::from_secs(3));
        assert_eq!(wav_length(b"RIFF"), UNKNOWN);
        let mut mp3 = vec![0xFF, 0xFB, 0x90, 0x00];
        mp3.resize(32_000, 0);
        assert_eq!(mpeg_length(&mp3), Duration::from_secs(2));
        assert_eq!(mpeg_length(b"no frame"), UNKNOWN);
    }
}
