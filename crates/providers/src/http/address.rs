//! Which addresses may be called: the guard against requests that reach inside by a name from outside (SSRF).
//!
//! Only resolved addresses are looked at, so that `0x7f000001`, `2130706433` or a name of one's own that points inside
//! are seen for what they are.
//!
//! Source: the special-purpose registries of IANA (RFC 6890), and where clouds keep their metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anywhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A network of one's own: RFC 1918, shared (RFC 6598), unique local (RFC 4193).
    Private,
    /// Never a server of anybody: link-local, cloud metadata, multicast, documentation, translated or reserved.
    Forbidden,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, third: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), prefix)
}

const FORBIDDEN_V4: &[Ipv4Net] = &[
    v4(0, 0, 0, 0, 8),
    // Where clouds answer for a machine: AWS, GCP and Azure; Azure's wire server; Alibaba.
    v4(169, 254, 0, 0, 16),
    v4(168, 63, 129, 16, 32),
    v4(100, 100, 100, 200, 32),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

const PRIVATE_V4: &[Ipv4Net] =
    &[v4(10, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16), v4(100, 64, 0, 0, 10)];

/// The only unicast addresses that are routed at all are in 2000::/3; of those these are not.
const FORBIDDEN_V6: &[Ipv6Net] =
    &[v6(0x2001, 0, 0, 23), v6(0x2001, 0xdb8, 0, 32), v6(0x2002, 0, 0, 16), v6(0x3fff, 0, 0, 20)];
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);
const PRIVATE_V6: Ipv6Net = v6(0xfc00, 0, 0, 7);
/// Metadata of AWS by IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

impl Class {
    /// The class of `address`. An IPv4 address in IPv6 form is what it is in IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let is_in = |nets: &[Ipv4Net]| nets.iter().any(|net| net.contains(&address));
        match () {
            () if address.is_loopback() => Self::Loopback,
            () if is_in(FORBIDDEN_V4) => Self::Forbidden,
            () if is_in(PRIVATE_V4) => Self::Private,
            () => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match () {
            () if address.is_loopback() => Self::Loopback,
            () if address == METADATA_V6 => Self::Forbidden,
            () if PRIVATE_V6.contains(&address) => Self::Private,
            () if !GLOBAL_V6.contains(&address) => Self::Forbidden,
            () if FORBIDDEN_V6.iter().any(|net| net.contains(&address)) => Self::Forbidden,
            () => Self::Public,
        }
    }
}

/// Which classes may be called besides public addresses. No setting opens [`Class::Forbidden`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// This machine too.
    pub loopback: bool,
    /// One's own networks too.
    pub private: bool,
}

/// Why an address is not called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// At least one address of the name may not be called: then none is, for which is taken would be chance.
    #[error("{host} resolves to {address}, which may not be called")]
    NotAllowed {
        /// The name.
        host: String,
        /// What it resolves to.
        address: IpAddr,
    },
    /// `http://`, and the server is another machine.
    #[error("{host} is another machine, and plain http is not allowed")]
    ClearText {
        /// The name.
        host: String,
    },
}

impl Reach {
    /// True if `address` may be called.
    pub fn allows(self, address: IpAddr) -> bool {
        match Class::of(address) {
            Class::Public => true,
            Class::Loopback => self.loopback,
            Class::Private => self.private,
            Class::Forbidden => false,
        }
    }

    /// Checks all addresses that `host` resolves to. Errors: [`AddressError::NotAllowed`], with the first that is not.
    pub fn check(self, host: &str, addresses: &[SocketAddr]) -> Result<(), AddressError> {
        match addresses.iter().find(|address| !self.allows(address.ip())) {
            None => Ok(()),
            Some(address) => Err(AddressError::NotAllowed { host: host.into(), address: address.ip() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[(&str, Class)] = &[
        ("8.8.8.8", Class::Public),
        ("172.15.255.255", Class::Public),
        ("172.32.0.0", Class::Public),
        ("100.63.255.255", Class::Public),
        ("100.128.0.0", Class::Public),
        ("198.17.255.255", Class::Public),
        ("223.255.255.255", Class::Public),
        ("168.63.129.15", Class::Public),
        ("2606:4700::1111", Class::Public),
        ("2001:4860:4860::8888", Class::Public),
        ("::ffff:8.8.8.8", Class::Public),
        ("127.0.0.1", Class::Loopback),
        ("127.255.255.255", Class::Loopback),
        ("::1", Class::Loopback),
        ("::ffff:127.0.0.1", Class::Loopback),
        ("10.0.0.0", Class::Private),
        ("10.255.255.255", Class::Private),
        ("172.16.0.1", Class::Private),
        ("172.31.255.255", Class::Private),
        ("192.168.1.1", Class::Private),
        ("100.64.0.1", Class::Private),
        ("fc00::1", Class::Private),
        ("fdff::1", Class::Private),
        ("::ffff:10.0.0.1", Class::Private),
        ("0.0.0.0", Class::Forbidden),
        ("0.1.2.3", Class::Forbidden),
        ("169.254.169.254", Class::Forbidden),
        ("::ffff:169.254.169.254", Class::Forbidden),
        ("168.63.129.16", Class::Forbidden),
        ("100.100.100.200", Class::Forbidden),
        ("192.0.0.8", Class::Forbidden),
        ("192.0.2.1", Class::Forbidden),
        ("192.88.99.1", Class::Forbidden),
        ("198.18.0.1", Class::Forbidden),
        ("198.19.255.255", Class::Forbidden),
        ("198.51.100.1", Class::Forbidden),
        ("203.0.113.1", Class::Forbidden),
        ("224.0.0.1", Class::Forbidden),
        ("239.255.255.255", Class::Forbidden),
        ("240.0.0.1", Class::Forbidden),
        ("255.255.255.255", Class::Forbidden),
        ("::", Class::Forbidden),
        ("::127.0.0.1", Class::Forbidden),
        ("::8.8.8.8", Class::Forbidden),
        ("64:ff9b::7f00:1", Class::Forbidden),
        ("64:ff9b:1::1", Class::Forbidden),
        ("100::1", Class::Forbidden),
        ("2001::1", Class::Forbidden),
        ("2001:db8::1", Class::Forbidden),
        ("2002:7f00:1::", Class::Forbidden),
        ("3fff::1", Class::Forbidden),
        ("fd00:ec2::254", Class::Forbidden),
        ("fe80::1", Class::Forbidden),
        ("febf::1", Class::Forbidden),
        ("fec0::1", Class::Forbidden),
        ("ff02::1", Class::Forbidden),
    ];

    #[test]
    fn each_address_is_of_its_class() {
        for (text, class) in LISTED {
            assert_eq!(Class::of(text.parse().unwrap()), *class, "{text}");
        }
    }

    #[test]
    fn no_setting_opens_what_is_forbidden_and_none_opens_more_than_it_says() {
        let all = Reach { loopback: true, private: true };
        for (text, class) in LISTED {
            let address = text.parse().unwrap();
            assert_eq!(all.allows(address), *class != Class::Forbidden, "{text}");
            assert_eq!(Reach::default().allows(address), *class == Class::Public, "{text}");
            let private = Reach { private: true, loopback: false };
            assert_eq!(private.allows(address), matches!(class, Class::Public | Class::Private), "{text}");
        }
    }

    #[test]
    fn one_bad_address_among_good_ones_is_enough() {
        let good: SocketAddr = "8.8.8.8:443".parse().unwrap();
        let bad: SocketAddr = "10.1.2.3:443".parse().unwrap();
        let reach = Reach::default();
        assert_eq!(reach.check("h", &[good]), Ok(()));
        let refused = AddressError::NotAllowed { host: "h".into(), address: bad.ip() };
        assert_eq!(reach.check("h", &[good, bad]), Err(refused));
    }
}
