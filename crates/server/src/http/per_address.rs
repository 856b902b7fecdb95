//! How many connections one address may have open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::source;
use crate::config::Network;

/// The open connections of each address, if they are limited.
#[derive(Clone)]
pub struct PerAddress(Option<Arc<Open>>);

struct Open {
    max: usize,
    /// Proxies, which have the connections of many.
    exempt: Vec<Network>,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that a connection has; given back when dropped. Nothing where no limit applies.
pub(super) struct Place(Option<(Arc<Open>, IpAddr)>);

impl PerAddress {
    /// At most `max` connections of an address, or any number if that is 0; `exempt` addresses may have any number.
    pub fn new(max: usize, exempt: &[Network]) -> Self {
        let open = || Open { max, exempt: exempt.to_owned(), counts: Mutex::default() };
        Self((max > 0).then(|| Arc::new(open())))
    }

    /// A place for a connection from `peer`; `None` if it has as many as it may.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Place> {
        let Some(open) = self.0.as_ref().filter(|open| !source::is_trusted(peer, &open.exempt)) else {
            return Some(Place(None));
        };
        let address = source::counted(peer);
        let mut counts = open.counts();
        let count = counts.entry(address).or_default();
        if *count >= open.max {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(open), address))))
    }
}

impl Open {
    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((open, address)) = &self.0 else { return };
        let mut counts = open.counts();
        if let Some(count) = counts.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_places_and_gives_them_back() {
        let places = PerAddress::new(2, &["10.0.0.0/8".parse().unwrap()]);
        let held: Vec<_> =
            (1..=2).map(|n| places.enter(address(&format!("2001:db8::{n}"))).unwrap()).collect();
        assert!(places.enter(address("2001:db8::3")).is_none(), "a /64 is one source");
        assert!(places.enter(address("2001:db8:0:1::3")).is_some());
        assert!((0..9).map(|_| places.enter(address("10.0.0.1"))).all(|place| place.is_some()), "a proxy");
        drop(held);
        assert!(places.enter(address("2001:db8::3")).is_some());
        assert!(places.0.unwrap().counts().is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn no_limit_is_none() {
        let places = PerAddress::new(0, &[]);
        assert!((0..99).map(|_| places.enter(address("203.0.113.5"))).all(|place| place.is_some()));
    }
}
