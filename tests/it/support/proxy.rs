//! A way between two programs that a test can slow down, hold, cut, or lead elsewhere. It knows
//! bytes, no protocol, except that a [trap](Proxy::traps) may wait for some.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::app::within;
use crate::real_time::sleep_real_time;

/// Runs the proxies of all tests, so that bytes go on where a test waits for a program that it has
/// started: on a busy machine that takes longer than a server may take to answer.
static PROXIES: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.expect("there is a thread for the proxies")
});

/// The treatment of bytes that go one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Pass,
    /// They wait until the gate is another.
    Hold,
    /// They come so much later.
    Delay(Duration),
}

/// One of the two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From who connects.
    There,
    /// To who connects.
    Back,
}

#[derive(Clone, Copy, Debug)]
struct Mode {
    there: Gate,
    back: Gate,
    /// Connections are taken.
    open: bool,
    /// Grows each time all connections are broken.
    cuts: u64,
}

impl Mode {
    const fn gate(&self, way: Way) -> Gate {
        match way {
            Way::There => self.there,
            Way::Back => self.back,
        }
    }
}

/// Shuts a gate when bytes like these come by.
#[derive(Debug)]
struct Trap {
    bytes: &'static [u8],
    /// Before they go on, or before they are answered.
    way: Way,
}

struct Shared {
    targets: Mutex<Vec<SocketAddr>>,
    mode: watch::Sender<Mode>,
    trap: Mutex<Option<Trap>>,
    /// Number of connections that have bytes waiting at a gate, there and back.
    held: watch::Sender<[usize; 2]>,
}

/// A listening socket of the test, in front of one or several programs.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.breaks();
        self.accepting.abort();
    }
}

impl Proxy {
    /// In front of these; each connection goes to the first of them that takes it.
    pub(crate) async fn to(targets: &[SocketAddr]) -> Self {
        let bound = PROXIES.spawn(TcpListener::bind("127.0.0.1:0"));
        let listener = bound.await.unwrap().unwrap();
        let shared = Arc::new(Shared {
            targets: Mutex::new(targets.to_vec()),
            mode: watch::Sender::new(Mode {
                there: Gate::Pass,
                back: Gate::Pass,
                open: true,
                cuts: 0,
            }),
            trap: Mutex::default(),
            held: watch::Sender::new([0, 0]),
        });
        let address = listener.local_addr().unwrap();
        let accepting = PROXIES.spawn(accept(listener, shared.clone()));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// New connections go to the first of these that takes them.
    pub(crate) fn leads_to(&self, targets: &[SocketAddr]) {
        *self.shared.targets.lock() = targets.to_vec();
    }

    /// Sets the gate for all bytes that go this way, also of those that wait.
    pub(crate) fn lets(&self, way: Way, gate: Gate) {
        self.shared.mode.send_modify(|mode| match way {
            Way::There => mode.there = gate,
            Way::Back => mode.back = gate,
        });
    }

    /// Everything goes through, in both directions.
    pub(crate) fn passes(&self) {
        *self.shared.trap.lock() = None;
        self.shared.mode.send_modify(|mode| {
            (mode.there, mode.back, mode.open) = (Gate::Pass, Gate::Pass, true);
        });
    }

    /// Nothing goes through, and nothing breaks: as when a cable is pulled.
    pub(crate) fn stalls(&self) {
        self.shared
            .mode
            .send_modify(|mode| (mode.there, mode.back) = (Gate::Hold, Gate::Hold));
    }

    /// Breaks every connection; the next ones are taken.
    pub(crate) fn breaks(&self) {
        self.shared.mode.send_modify(|mode| mode.cuts += 1);
    }

    /// Breaks every connection and takes none until [`Self::passes`]: as when the other end is
    /// gone.
    pub(crate) fn cuts(&self) {
        self.shared
            .mode
            .send_modify(|mode| (mode.open, mode.cuts) = (false, mode.cuts + 1));
    }

    /// From the next request on that holds these bytes nothing goes this way any more: with
    /// [`Way::There`] it is not processed, with [`Way::Back`] it is and nobody learns of it.
    pub(crate) fn traps(&self, bytes: &'static str, way: Way) {
        *self.shared.trap.lock() = Some(Trap {
            bytes: bytes.as_bytes(),
            way,
        });
    }

    /// Waits until something waits at the gate on this way.
    pub(crate) async fn has_caught(&self, way: Way) {
        let mut held = self.shared.held.subscribe();
        within(
            "the proxy catches something",
            held.wait_for(|held| held[way as usize] > 0),
        )
        .await
        .unwrap();
    }

    /// Returns whether the trap has not been sprung.
    pub(crate) fn is_set(&self) -> bool {
        self.shared.trap.lock().is_some()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((near, _)) = listener.accept().await {
        if !shared.mode.borrow().open {
            continue;
        }
        let shared = shared.clone();
        tokio::spawn(async move {
            let targets = shared.targets.lock().clone();
            for target in targets {
                if let Ok(far) = TcpStream::connect(target).await {
                    return join(near, far, &shared).await;
                }
            }
        });
    }
}

/// Carries bytes until one side closes or all connections are cut.
async fn join(near: TcpStream, far: TcpStream, shared: &Arc<Shared>) {
    let mut mode = shared.mode.subscribe();
    let cuts = mode.borrow().cuts;
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = async { tokio::join!(pump(near_in, far_out, Way::There, shared), pump(far_in, near_out, Way::Back, shared)); } => {}
        _ = mode.wait_for(|mode| mode.cuts != cuts) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, shared: &Shared) {
    let (arrived, mut waiting) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let receive = async {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            let chunk = (Instant::now(), chunk[..read].to_vec());
            arrived.send(chunk).expect("the receiver is there as long");
        }
        drop(arrived);
    };
    // A delay is counted from the arrival of each chunk: a slow way is no narrow one.
    let pass_on = async {
        // The end of the chunk before, so that bytes are found that come in two pieces.
        let mut tail = Vec::new();
        while let Some((since, bytes)) = waiting.recv().await {
            if way == Way::There {
                spring(shared, &mut tail, &bytes);
            }
            gate(shared, way, since).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // Whoever has closed is heard of at the other end, through the same gate.
        gate(shared, way, Instant::now()).await;
        drop(to.shutdown().await);
    };
    tokio::pin!(pass_on);
    tokio::select! {
        () = receive => pass_on.await,
        () = &mut pass_on => {}
    }
}

/// Shuts a gate if these bytes are what the trap waits for.
fn spring(shared: &Shared, tail: &mut Vec<u8>, bytes: &[u8]) {
    let mut trap = shared.trap.lock();
    tail.extend_from_slice(bytes);
    let sprung = trap.take_if(|trap| {
        tail.windows(trap.bytes.len().max(1))
            .any(|part| part.starts_with(trap.bytes))
    });
    if let Some(Trap { way, .. }) = sprung {
        shared.mode.send_modify(|mode| match way {
            Way::There => mode.there = Gate::Hold,
            Way::Back => mode.back = Gate::Hold,
        });
    }
    tail.drain(..tail.len().saturating_sub(64));
}

/// Waits as long as the gate says for a chunk that arrived at `since`.
async fn gate(shared: &Shared, way: Way, since: Instant) {
    let mut mode = shared.mode.subscribe();
    let gate = mode.borrow_and_update().gate(way);
    match gate {
        Gate::Pass => {}
        Gate::Delay(by) => sleep_real_time(by.saturating_sub(since.elapsed())).await,
        Gate::Hold => {
            let _waiting = Waiting::new(shared, way);
            // It fails only with the proxy, and then there is nothing left to wait for.
            drop(mode.wait_for(|mode| mode.gate(way) != Gate::Hold).await);
        }
    }
}

/// Counts bytes at a gate, also when their connection is cut.
struct Waiting<'a>(&'a Shared, Way);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared, way: Way) -> Self {
        shared.held.send_modify(|held| held[way as usize] += 1);
        Self(shared, way)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.held.send_modify(|held| held[self.1 as usize] -= 1);
    }
}
