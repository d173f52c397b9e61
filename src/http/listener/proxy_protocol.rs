//! The PROXY protocol, versions 1 and 2: a proxy that passes bytes on says first for whom
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! It is read from trusted proxies only: anybody else could write any address there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that distinguish the two versions and HTTP; none of them is ever shorter.
const START: usize = 12;
/// The signature of version 2.
const SIGNATURE: &[u8; START] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest header of version 1, its end of line included.
const LONGEST_LINE: usize = 107;
/// The longest header of version 2 after its first 16 bytes. Addresses take 216 at most; proxies
/// add some hundred bytes about TLS.
const LONGEST_BINARY: usize = 4_096;

/// The beginning of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A header, with the address that it names, if it names one.
    Proxied(Option<SocketAddr>),
    /// No header, but these bytes.
    Plain(Bytes),
}

/// Reads the header, and nothing after it.
///
/// # Errors
/// The connection ends too early, or the header is none of the two versions.
pub(super) async fn read_start(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Start> {
    let mut start = [0; START];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        return read_binary(stream).await.map(Start::Proxied);
    }
    if start.starts_with(b"PROXY ") {
        return read_line(stream, &start).await.map(Start::Proxied);
    }
    Ok(Start::Plain(Bytes::copy_from_slice(&start)))
}

fn wrong() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// Version 1: `PROXY TCP4 203.0.113.7 192.0.2.1 50000 443`.
async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    start: &[u8],
) -> io::Result<Option<SocketAddr>> {
    let mut line = start.to_vec();
    // The bytes after the line belong to HTTP, so it is read byte by byte.
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(wrong());
        }
        line.push(stream.read_u8().await?);
    }
    let text = str::from_utf8(&line).map_err(|_| wrong())?;
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let [_, kind, rest @ ..] = &words[..] else {
        return Err(wrong());
    };
    let (ip, port) = match (*kind, rest) {
        ("UNKNOWN", _) => return Ok(None),
        ("TCP4", [from, _to, port, _port]) => (from.parse::<Ipv4Addr>().map(IpAddr::V4), port),
        ("TCP6", [from, _to, port, _port]) => (from.parse::<Ipv6Addr>().map(IpAddr::V6), port),
        _ => return Err(wrong()),
    };
    let ip = ip.map_err(|_| wrong())?;
    let port = port.parse().map_err(|_| wrong())?;
    Ok(Some(SocketAddr::new(ip, port)))
}

/// Version 2, after its signature.
async fn read_binary(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let (version_and_command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST_BINARY {
        return Err(wrong());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match version_and_command {
        // The proxy itself asks, to see whether we are there.
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(wrong()),
    }
    // Addresses of both ends, then their ports. What follows is not needed.
    match family {
        0x11 => {
            let ip: [u8; 4] = rest.first_chunk().copied().ok_or_else(wrong)?;
            let port = port_at(&rest, 8)?;
            Ok(Some(SocketAddr::new(IpAddr::from(ip), port)))
        }
        0x21 => {
            let ip: [u8; 16] = rest.first_chunk().copied().ok_or_else(wrong)?;
            let port = port_at(&rest, 32)?;
            Ok(Some(SocketAddr::new(IpAddr::from(ip), port)))
        }
        // Unix sockets, datagrams, or no address at all.
        _ => Ok(None),
    }
}

fn port_at(bytes: &[u8], at: usize) -> io::Result<u16> {
    let port = bytes.get(at..at + 2).and_then(|port| port.try_into().ok());
    port.map(u16::from_be_bytes).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> (Result<Start, io::ErrorKind>, usize) {
        let mut stream = bytes;
        let start = read_start(&mut stream).await;
        (start.map_err(|error| error.kind()), stream.len())
    }

    fn from(address: &str) -> Start {
        Start::Proxied(Some(address.parse().unwrap()))
    }

    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes.extend(b"GET / HTTP/1.1\r\n");
        bytes
    }

    #[tokio::test]
    async fn a_line_names_the_client_and_nothing_behind_it_is_read() {
        for (line, expected) in [
            (
                "PROXY TCP4 203.0.113.7 192.0.2.1 50000 443\r\n",
                Ok(from("203.0.113.7:50000")),
            ),
            (
                "PROXY TCP6 2001:db8::7 2001:db8::1 50000 443\r\n",
                Ok(from("[2001:db8::7]:50000")),
            ),
            ("PROXY UNKNOWN\r\n", Ok(Start::Proxied(None))),
            (
                "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n",
                Ok(Start::Proxied(None)),
            ),
        ] {
            let bytes = format!("{line}GET / HTTP/1.1\r\n");
            assert_eq!(read(bytes.as_bytes()).await, (expected, 16), "{line}");
        }
    }

    #[tokio::test]
    async fn a_binary_header_names_the_client_and_may_say_more() {
        let v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0xc3, 0x50, 1, 0xbb];
        let (start, left) = read(&binary(0x21, 0x11, &v4)).await;
        assert_eq!((start, left), (Ok(from("203.0.113.7:50000")), 16));
        let more = [&v4[..], &[0x20, 0, 3, 1, 2, 3]].concat();
        let (start, left) = read(&binary(0x21, 0x11, &more)).await;
        assert_eq!((start, left), (Ok(from("203.0.113.7:50000")), 16));
        let mut v6 = [0; 36];
        v6[..2].copy_from_slice(&[0x20, 1]);
        v6[32..34].copy_from_slice(&[0xc3, 0x50]);
        let (start, _) = read(&binary(0x21, 0x21, &v6)).await;
        assert_eq!(start, Ok(from("[2001::]:50000")));
        for own in [binary(0x20, 0, &[]), binary(0x21, 0x31, &[0; 216])] {
            assert_eq!(read(&own).await, (Ok(Start::Proxied(None)), 16));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_given_back_or_refused() {
        let plain = Bytes::from_static(b"POST /twiml/");
        assert_eq!(
            read(b"POST /twiml/x HTTP/1.1\r\n").await.0,
            Ok(Start::Plain(plain))
        );
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LONGEST_LINE));
        for wrong in [
            b"PROXY TCP4 203.0.113.7 192.0.2.1 443\r\n".as_slice(),
            b"PROXY TCP4 2001:db8::7 192.0.2.1 1 443\r\n",
            b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
            b"PROXY TCP5 203.0.113.7 192.0.2.1 1 443\r\n",
            long.as_bytes(),
            &binary(0x11, 0x11, &[0; 12]),
            &binary(0x21, 0x11, &[0; 5]),
            &binary(0x21, 0x11, &[0; 5_000]),
        ] {
            let (start, _) = read(wrong).await;
            assert_eq!(start, Err(io::ErrorKind::InvalidData), "{wrong:?}");
        }
        let (short, _) = read(b"PROXY TCP4 2").await;
        assert_eq!(short, Err(io::ErrorKind::UnexpectedEof));
    }
}
