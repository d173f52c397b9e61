//! Counts connections per peer. It knows addresses as they arrive on the socket, never forwarded
//! ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::http::networks::{Network, subscriber};

type Open = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Number of open connections of each peer; entries go when the last one closes.
#[derive(Debug)]
pub(super) struct Peers {
    open: Open,
    limit: usize,
    unlimited: Vec<Network>,
}

/// The place of one connection; dropped with it.
#[derive(Debug)]
pub(super) struct PeerSlot(Option<(Open, IpAddr)>);

impl Peers {
    pub(super) fn new(limit: usize, unlimited: Vec<Network>) -> Self {
        Self {
            open: Arc::default(),
            limit,
            unlimited,
        }
    }

    /// A place for one more connection of `address`, unless it has its share.
    pub(super) fn enter(&self, address: IpAddr) -> Option<PeerSlot> {
        if self
            .unlimited
            .iter()
            .any(|network| network.contains(address))
        {
            return Some(PeerSlot(None));
        }
        let peer = subscriber(address);
        let mut open = self.open.lock();
        let count = open.entry(peer).or_default();
        if *count >= self.limit {
            if *count == 0 {
                open.remove(&peer);
            }
            return None;
        }
        *count += 1;
        drop(open);
        Some(PeerSlot(Some((Arc::clone(&self.open), peer))))
    }
}

impl Drop for PeerSlot {
    fn drop(&mut self) {
        let Some((open, peer)) = &self.0 else { return };
        let mut open = open.lock();
        if let Some(count) = open.get_mut(peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_gets_its_share_and_a_closed_connection_makes_room() {
        let peers = Peers::new(2, vec![]);
        let first = peers.enter(ip("203.0.113.7")).unwrap();
        let second = peers.enter(ip("::ffff:203.0.113.7")).unwrap();
        assert!(peers.enter(ip("203.0.113.7")).is_none());
        assert!(peers.enter(ip("203.0.113.8")).is_some());
        drop(first);
        assert!(peers.enter(ip("203.0.113.7")).is_some());
        drop(second);
        assert!(peers.open.lock().is_empty());
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_share_a_limit() {
        let peers = Peers::new(1, vec![]);
        let _place = peers.enter(ip("2001:db8:1:2::1")).unwrap();
        assert!(peers.enter(ip("2001:db8:1:2:ffff::9")).is_none());
        assert!(peers.enter(ip("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn networks_without_a_limit_are_not_counted() {
        let peers = Peers::new(0, vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(peers.enter(ip("10.1.2.3")).is_some());
        assert!(peers.enter(ip("11.1.2.3")).is_none());
        assert!(peers.open.lock().is_empty());
    }
}
