//! Where a request comes from: the TCP peer, or what a proxy that is trusted says of it.

use std::net::IpAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::auth::Peer;
use crate::config::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Bits of an IPv6 address that one network gets at least, and one customer as a rule: RFC 6177.
const IPV6_PREFIX: u32 = 64;

/// The address a request came from; `None` only without a connection.
///
/// Each proxy appends the address it was called from to `X-Forwarded-For`. So the list is read from its end for as long
/// as a trusted proxy wrote it; what is further to the front may be the client's invention.
pub(super) fn address(parts: &Parts, trusted: &[Network]) -> Option<IpAddr> {
    let peer = parts.extensions.get::<Peer>()?.0.ip().to_canonical();
    Some(behind(peer, &parts.headers, trusted))
}

fn behind(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut address = peer;
    let values = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    while is_trusted(address, trusted) {
        let Some(next) = entries.next().and_then(parse) else { break };
        address = next;
    }
    address
}

/// True if `address` is that of a proxy whose word counts.
pub(super) fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address.to_canonical()))
}

/// An address, with or without a port.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let with_port = || text.parse().ok().map(|address: std::net::SocketAddr| address.ip());
    let address = text.parse().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

/// The address as limits count it: an IPv6 network of /64 is one source, for its owner has all of it.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> IPV6_PREFIX << IPV6_PREFIX).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::1"].map(|text| text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        behind(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(source("198.51.100.7", &["203.0.113.5"]), "198.51.100.7");
        assert_eq!(source("10.1.2.3", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(source("10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(source("2001:db8::1", &["203.0.113.5"]), "203.0.113.5");
        assert_eq!(source("2001:db8::2", &["203.0.113.5"]), "2001:db8::2");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_believed() {
        assert_eq!(source("10.1.2.3", &["1.1.1.1, 203.0.113.5"]), "203.0.113.5");
        assert_eq!(
            source("10.1.2.3", &["1.1.1.1, 203.0.113.5, 10.9.9.9"]),
            "203.0.113.5",
            "over two proxies"
        );
        assert_eq!(
            source("10.1.2.3", &["1.1.1.1", "203.0.113.5,10.9.9.9"]),
            "203.0.113.5",
            "over two headers"
        );
        assert_eq!(source("10.1.2.3", &["1.1.1.1, nonsense"]), "10.1.2.3");
        assert_eq!(source("10.1.2.3", &[""]), "10.1.2.3");
    }

    #[test]
    fn ports_and_mapped_addresses_are_read_too() {
        for entry in ["203.0.113.5:443", "::ffff:203.0.113.5", "[::ffff:203.0.113.5]:443"] {
            assert_eq!(source("10.1.2.3", &[entry]), "203.0.113.5", "{entry}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), counted("2001:db8:1:2::"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_eq!(counted("::ffff:203.0.113.5"), "203.0.113.5");
        assert_ne!(counted("203.0.113.5"), counted("203.0.113.6"));
    }
}
