//! Somebody on the other end of the wire who takes everything that is posted: a stand-in for Sentry
//! and for a collector.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::app::within;

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    /// The request line.
    pub(crate) line: String,
    /// The lines of the head after it, in lower case.
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// Takes requests until it is dropped.
pub(crate) struct Collector {
    pub(crate) origin: String,
    posted: Arc<watch::Sender<Vec<Posted>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let posted = Arc::new(watch::Sender::new(Vec::new()));
        let taken = Arc::downgrade(&posted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(posted) = taken.upgrade() else {
                    return;
                };
                tokio::spawn(take(stream, posted));
            }
        });
        Self { origin, posted }
    }

    /// The requests so far, once they are as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&[Posted]) -> bool,
    ) -> Vec<Posted> {
        let mut posted = self.posted.subscribe();
        within(what, posted.wait_for(|posted| wanted(posted)))
            .await
            .unwrap()
            .clone()
    }

    /// The requests so far.
    pub(crate) fn so_far(&self) -> Vec<Posted> {
        self.posted.borrow().clone()
    }
}

/// Answers every request of one connection with an empty 200.
async fn take(stream: TcpStream, posted: Arc<watch::Sender<Vec<Posted>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let line = lines.remove(0);
        let head: Vec<String> = lines.iter().map(|line| line.to_lowercase()).collect();
        let length = head
            .iter()
            .find_map(|line| line.strip_prefix("content-length:"))
            .expect("its length is told");
        let mut body = vec![0; length.trim().parse().unwrap()];
        stream.read_exact(&mut body).await?;
        posted.send_modify(|posted| posted.push(Posted { line, head, body }));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}
