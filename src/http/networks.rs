//! Networks by address and prefix, and whose forwarded address is believed.
//!
//! A forwarded address serves limits and log lines. It is never part of what a signature is
//! verified over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use poem::Request;
use poem::http::HeaderMap;

/// A network such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be addresses or networks such as 203.0.113.7 or 10.0.0.0/8, with no bit set behind the prefix"
)]
pub struct BadNetwork;

impl Network {
    /// Networks whose addresses the internet does not route: this machine, and those that only a
    /// neighbour can come from, as fronting proxies of hosting platforms do (RFC 1918, 3927, 4193,
    /// 4291, 6598).
    pub const PRIVATE: [Self; 9] = [
        Self::v4([127, 0, 0, 0], 8),
        Self::v4([10, 0, 0, 0], 8),
        Self::v4([172, 16, 0, 0], 12),
        Self::v4([192, 168, 0, 0], 16),
        Self::v4([169, 254, 0, 0], 16),
        Self::v4([100, 64, 0, 0], 10),
        Self::v6(Ipv6Addr::LOCALHOST, 128),
        Self::v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
        Self::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    ];

    const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            prefix,
        }
    }

    const fn v6(address: Ipv6Addr, prefix: u8) -> Self {
        Self {
            address: IpAddr::V6(address),
            prefix,
        }
    }

    /// Returns whether an address lies in it; one of IPv4 written as IPv6 is one of IPv4.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()) & !low_bits_v4(self.prefix) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) & !low_bits_v6(self.prefix) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, prefix) = text
            .split_once('/')
            .map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| BadNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| BadNetwork))?;
        if prefix > most || has_low_bits(address, prefix) {
            Err(BadNetwork)
        } else {
            Ok(Self { address, prefix })
        }
    }
}

/// Returns whether bits are set behind the prefix: then another network was meant, or a typing
/// error stands there.
fn has_low_bits(address: IpAddr, prefix: u8) -> bool {
    match address {
        IpAddr::V4(address) => address.to_bits() & low_bits_v4(prefix) != 0,
        IpAddr::V6(address) => address.to_bits() & low_bits_v6(prefix) != 0,
    }
}

fn low_bits_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)
}

fn low_bits_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)
}

/// One subscriber has a whole IPv6 /64 to pick addresses from, so that is what is counted by.
#[must_use]
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !low_bits_v6(64)))
        }
    }
}

/// The proxies whose `X-Forwarded-For` is believed (`TABLECALL_TRUSTED_PROXIES`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(pub Vec<Network>);

impl TrustedProxies {
    /// The address a request comes from: the peer's, or, as long as that is a trusted proxy's, the
    /// one it forwards for.
    ///
    /// Each proxy appends whom it was asked by, so the list is read from its end, up to the first
    /// address that is not trusted: what stands before that, anybody can have written.
    #[must_use]
    pub fn client(&self, request: &Request) -> Option<IpAddr> {
        let peer = request.remote_addr().as_socket_addr()?.ip();
        Some(self.forwarded(peer, request.headers()).to_canonical())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer;
        let lists = headers.get_all("x-forwarded-for").iter().rev();
        let mut hops = lists.flat_map(|list| list.to_str().unwrap_or("?").rsplit(','));
        while self.trusts(address) {
            // A hop that cannot be read was written by a trusted proxy, so this address is the last
            // one that is certain.
            let Some(hop) = hops.next().and_then(read_hop) else {
                break;
            };
            address = hop;
        }
        address
    }
}

/// An address, with or without a port as some proxies add it.
fn read_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || {
        text.parse::<std::net::SocketAddr>()
            .ok()
            .map(|address| address.ip())
    };
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_told_by_its_prefix() {
        assert!(network("127.0.0.0/8").contains(ip("127.9.9.9")));
        assert!(network("127.0.0.0/8").contains(ip("::ffff:127.9.9.9")));
        assert!(!network("127.0.0.0/8").contains(ip("128.0.0.1")));
        assert!(network("0.0.0.0/0").contains(ip("203.0.113.7")));
        assert!(network("::1").contains(ip("::1")) && !network("::1").contains(ip("::2")));
        assert!(!network("::/0").contains(ip("203.0.113.7")));
        assert!(network("203.0.113.7").contains(ip("203.0.113.7")));
        for wrong in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::/129",
            "2001:db8::1/64",
            "10.0.0.0/",
            "fly.io",
            "/8",
        ] {
            assert_eq!(wrong.parse::<Network>(), Err(BadNetwork), "{wrong}");
        }
    }

    #[test]
    fn private_networks_are_those_the_internet_does_not_route() {
        let private = |text| {
            Network::PRIVATE
                .iter()
                .any(|network| network.contains(ip(text)))
        };
        for near in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.127.0.1",
            "::1",
            "fdaa::3",
            "fe80::1",
        ] {
            assert!(private(near), "{near}");
        }
        for far in [
            "172.32.0.1",
            "100.128.0.1",
            "54.172.60.1",
            "2600:1f18::1",
            "8.8.8.8",
        ] {
            assert!(!private(far), "{far}");
        }
    }

    #[test]
    fn the_rightmost_hop_that_is_not_trusted_is_the_client() {
        let proxies = TrustedProxies(vec![network("10.0.0.0/8"), network("203.0.113.7")]);
        let client = |peer: &str, lists: &[&str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append("x-forwarded-for", HeaderValue::from_str(list).unwrap());
            }
            proxies.forwarded(ip(peer), &headers).to_string()
        };
        assert_eq!(
            client("198.51.100.1", &["192.0.2.1"]),
            "198.51.100.1",
            "nobody's word but a proxy's"
        );
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(
            client("10.0.0.1", &["192.0.2.1, 198.51.100.9"]),
            "198.51.100.9",
            "the left part is made up"
        );
        assert_eq!(
            client("10.0.0.1", &["192.0.2.1, 203.0.113.7, 10.0.0.9"]),
            "192.0.2.1",
            "proxies in a row"
        );
        assert_eq!(
            client("10.0.0.1", &["192.0.2.1", "203.0.113.7"]),
            "192.0.2.1",
            "several headers are one list"
        );
        assert_eq!(
            client("10.0.0.1", &["192.0.2.1, unknown"]),
            "10.0.0.1",
            "as far as one can see"
        );
        assert_eq!(client("10.0.0.1", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(
            client("10.0.0.1", &["10.0.0.2, 10.0.0.3"]),
            "10.0.0.2",
            "all of them are trusted"
        );
        let anybody = TrustedProxies::default();
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        assert_eq!(
            anybody.forwarded(ip("127.0.0.1"), &headers),
            ip("127.0.0.1")
        );
    }

    #[test]
    fn a_subscriber_of_ipv6_is_a_64() {
        assert_eq!(
            subscriber(ip("2001:db8:1:2::1")),
            subscriber(ip("2001:db8:1:2:ffff::9"))
        );
        assert_ne!(
            subscriber(ip("2001:db8:1:2::1")),
            subscriber(ip("2001:db8:1:3::1"))
        );
        assert_eq!(subscriber(ip("::ffff:203.0.113.7")), ip("203.0.113.7"));
    }
}
