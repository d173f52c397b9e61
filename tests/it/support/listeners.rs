//! Listeners of apps. One that is bound before its app is built has an address that can be configured
//! and that no other program can take.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use parking_lot::Mutex;

/// Those whose app is not built yet.
static RESERVED: Mutex<BTreeMap<SocketAddr, TcpListener>> = Mutex::new(BTreeMap::new());

/// Binds an address of this machine for an app that is built later, with this address as its
/// `listen`.
pub(crate) fn reserve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    RESERVED.lock().insert(address, listener);
    address
}

/// The listener for a configured address: the reserved one, if there is one.
pub(crate) fn bound(address: SocketAddr) -> tokio::net::TcpListener {
    let reserved = RESERVED.lock().remove(&address);
    let listener = reserved.unwrap_or_else(|| TcpListener::bind(address).unwrap());
    listener.set_nonblocking(true).unwrap();
    tokio::net::TcpListener::from_std(listener).unwrap()
}
