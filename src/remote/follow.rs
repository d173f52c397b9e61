//! A call is followed to its end.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{RemoteError, RemoteService, problem};

/// Attempts in a row to follow a call before its server counts as gone.
const RECONNECTS: u32 = 5;

/// Pauses before a call that was placed is asked for again, as in the app; the last one from then
/// on.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// Attempts in a row to see a placed call before it counts as lost from sight: some three and a half
/// minutes. A server that was started anew knows a call again with its next webhook.
const SIGHT_ATTEMPTS: usize = 30;
/// Interval at which a server without news sends a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(15);

impl RemoteService {
    /// Follows a call until it has ended, over lost connections, and returns its final state.
    /// `tell` gets each state.
    ///
    /// # Errors
    /// The server cannot be reached any more, or does not know the call any more.
    pub async fn follow(
        &self,
        http: &reqwest::Client,
        id: &str,
        mut tell: impl FnMut(&Value),
    ) -> Result<Value, RemoteError> {
        let mut seen = None;
        let mut failures = 0;
        loop {
            let before = seen.clone();
            match self.follow_once(http, id, &mut seen, &mut tell).await {
                Ok(Some(last)) => return Ok(last),
                Err(
                    error @ (RemoteError::Unsendable
                    | RemoteError::Refused { .. }
                    | RemoteError::NotTablecall { .. }
                    | RemoteError::NotHttp { .. }),
                ) => {
                    return Err(error);
                }
                // It has placed the call, so it was Tablecall.
                Ok(None) | Err(RemoteError::Silent { .. }) if failures == RECONNECTS => {
                    return Err(RemoteError::Cut(self.url_of(id)));
                }
                Err(error) if failures == RECONNECTS => return Err(error),
                Ok(None) | Err(_) => {}
            }
            failures = if before == seen { failures + 1 } else { 0 };
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Follows a call that was placed here until it has ended, over lost connections and over
    /// servers that do not know it for a while because they were started anew; returns its final
    /// state. `tell` gets each state.
    ///
    /// # Errors
    /// [`RemoteError::Lost`] after some three and a half minutes without news of it.
    pub async fn follow_placed(
        &self,
        http: &reqwest::Client,
        id: &str,
        tell: impl FnMut(&Value),
    ) -> Result<Value, RemoteError> {
        self.follow_for(http, id, PAUSES, tell).await
    }

    pub(super) async fn follow_for(
        &self,
        http: &reqwest::Client,
        id: &str,
        pauses: [Duration; 5],
        mut tell: impl FnMut(&Value),
    ) -> Result<Value, RemoteError> {
        let (mut seen, mut failures) = (None, 0);
        loop {
            let (before, begun) = (seen.clone(), Instant::now());
            let ended = self.follow_once(http, id, &mut seen, &mut tell).await;
            // A stream without news is a good one all the same: a call may wait for hours.
            let was_open = ended.is_ok() && begun.elapsed() >= HEARTBEAT;
            if before != seen || was_open {
                failures = 0;
            }
            let reason = match ended {
                Ok(Some(last)) => return Ok(last),
                Ok(None) => "the server closed the stream".to_owned(),
                Err(error) => error.to_string(),
            };
            if failures >= SIGHT_ATTEMPTS {
                let (id, url) = (id.to_owned(), self.url_of(id));
                return Err(RemoteError::Lost { id, url, reason });
            }
            let pause = pauses.get(failures).or(pauses.last());
            failures += 1;
            tokio::time::sleep(pause.copied().unwrap_or_default()).await;
        }
    }

    /// Reads one stream of a call to its end: the final state, if it came.
    async fn follow_once(
        &self,
        http: &reqwest::Client,
        id: &str,
        seen: &mut Option<String>,
        tell: &mut impl FnMut(&Value),
    ) -> Result<Option<Value>, RemoteError> {
        let mut request = http.get(format!("{}/events", self.url_of(id)));
        if let Some(version) = seen {
            request = request.header("last-event-id", version.as_str());
        }
        let answer = self.signed(request).send().await;
        let mut answer = answer.map_err(|source| self.unreachable(source))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            let body = answer.bytes().await.unwrap_or_default();
            let detail = problem(&serde_json::from_slice(&body).unwrap_or_default());
            return Err(RemoteError::Refused { status, detail });
        }
        // Bytes, since a character may come in two pieces.
        let mut text = Vec::new();
        loop {
            let chunk = answer.chunk().await;
            let Some(chunk) = chunk.map_err(|source| self.unreachable(source))? else {
                return Ok(None);
            };
            text.extend_from_slice(&chunk);
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = text.drain(..end + 2).collect();
                let Some(call) = state(&String::from_utf8_lossy(&event)) else {
                    continue;
                };
                *seen = Some(call["version"].to_string());
                tell(&call);
                if call["final"] == true {
                    return Ok(Some(call));
                }
            }
        }
    }
}

/// The call in the text of an event.
fn state(event: &str) -> Option<Value> {
    let data = event.lines().find_map(|line| line.strip_prefix("data:"))?;
    serde_json::from_str(data.trim()).ok()
}
