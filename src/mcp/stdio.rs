//! Standard input and output, line by line. A line that is no message of JSON-RPC is answered here, as
//! its specification wants it (error -32700 or -32600, with a null id); the SDK passes it over in
//! silence, or answers without an id, and its sender waits for ever.

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, DuplexStream,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes that wait between the process and the SDK.
const ROOM: usize = 64 * 1024;

/// Output of the SDK.
pub(super) struct Output {
    pub(super) writer: DuplexStream,
    pub(super) lines: JsonLines,
}

/// The tasks between the process and the SDK.
pub(super) struct JsonLines {
    read: JoinHandle<()>,
    written: JoinHandle<()>,
}

impl JsonLines {
    /// Waits until the last answer is written, once the SDK has ended.
    pub(super) async fn end(self) {
        // It may wait for a line that nobody will answer.
        self.read.abort();
        let _written = self.written.await;
    }
}

/// Messages of `input`, and a way to `output`.
pub(super) fn checked(
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> (DuplexStream, Output) {
    let (messages, theirs) = tokio::io::duplex(ROOM);
    let (answers, writer) = tokio::io::duplex(ROOM);
    let (send, lines) = mpsc::channel(16);
    let read = tokio::spawn(pass_messages(input, messages, send.clone()));
    tokio::spawn(pass_answers(answers, send));
    let written = tokio::spawn(write_lines(lines, output));
    let lines = JsonLines { read, written };
    (theirs, Output { writer, lines })
}

/// Hands messages on, and answers what is none.
async fn pass_messages(
    input: impl AsyncRead + Unpin,
    mut messages: DuplexStream,
    answers: mpsc::Sender<Vec<u8>>,
) {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    while matches!(input.read_until(b'\n', &mut line).await, Ok(1..)) {
        let passed = match line_fault(&line) {
            None => messages.write_all(&line).await.is_ok(),
            Some(answer) => answers.send(answer).await.is_ok(),
        };
        if !passed {
            return;
        }
        line.clear();
    }
}

async fn pass_answers(answers: DuplexStream, lines: mpsc::Sender<Vec<u8>>) {
    let mut answers = BufReader::new(answers);
    let mut line = Vec::new();
    while matches!(answers.read_until(b'\n', &mut line).await, Ok(1..)) {
        if lines.send(std::mem::take(&mut line)).await.is_err() {
            return;
        }
    }
}

async fn write_lines(mut lines: mpsc::Receiver<Vec<u8>>, mut output: impl AsyncWrite + Unpin) {
    while let Some(line) = lines.recv().await {
        if output.write_all(&line).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

/// The answer to a line that is no message; `None`: it is one, or is empty.
fn line_fault(line: &[u8]) -> Option<Vec<u8>> {
    let answer = fault(line).filter(|_| !line.trim_ascii().is_empty())?;
    Some(format!("{answer}\n").into_bytes())
}

/// The answer of JSON-RPC to bytes that are no message; `None`: they are one.
pub(crate) fn fault(text: &[u8]) -> Option<Value> {
    let (code, message) = match serde_json::from_slice::<Value>(text) {
        Err(_) => (-32700, "Parse error: this is no JSON"),
        Ok(message) if is_message(&message) => return None,
        Ok(_) => (
            -32600,
            "Invalid Request: a message is an object with \"jsonrpc\": \"2.0\" and a method, a result or an error",
        ),
    };
    Some(json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": message}}))
}

fn is_message(message: &Value) -> bool {
    let is_answer = message.get("result").is_some() || message.get("error").is_some();
    message["jsonrpc"] == "2.0" && (message["method"].is_string() || is_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn exchanged(sent: &str) -> Vec<Value> {
        let (ours, mut theirs) = tokio::io::duplex(ROOM);
        let (said, mut heard) = tokio::io::duplex(ROOM);
        let (mut input, mut output) = checked(ours, said);
        theirs.write_all(sent.as_bytes()).await.unwrap();
        drop(theirs);
        // The SDK's input comes back as its answer.
        tokio::io::copy(&mut input, &mut output.writer)
            .await
            .unwrap();
        drop(output.writer);
        output.lines.end().await;
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut heard, &mut text)
            .await
            .unwrap();
        text.lines()
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[tokio::test]
    async fn each_line_that_is_no_message_is_answered_and_the_others_are_passed_on() {
        let message = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
        for wrong in ["hello", "{", "\u{feff}{}", "{\"jsonrpc\":\"2.0\"} x"] {
            let answers = exchanged(&format!("{wrong}\n\n{message}\n")).await;
            assert_eq!(answers.len(), 2, "{wrong}: {answers:?}");
            let parse = answers
                .iter()
                .find(|answer| answer["error"]["code"] == -32700);
            assert_eq!(parse.expect(wrong)["id"], Value::Null);
            assert!(answers.iter().any(|answer| answer["id"] == 7));
        }
        for wrong in [
            "{}",
            "[]",
            "7",
            "{\"method\":\"ping\",\"id\":1}",
            "{\"jsonrpc\":\"2.0\",\"id\":1}",
        ] {
            let answers = exchanged(&format!("{wrong}\n")).await;
            assert_eq!(answers[0]["error"]["code"], -32600, "{wrong}");
            assert!(answers[0].as_object().unwrap().contains_key("id"));
        }
        for passed in [
            message,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        ] {
            let answers = exchanged(passed).await;
            assert_eq!(answers, [serde_json::from_str::<Value>(passed).unwrap()]);
        }
    }
}
