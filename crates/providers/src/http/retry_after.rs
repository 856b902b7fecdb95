//! When a server that wants no more for now asks to be called again.
//!
//! Source: RFC 9110, section 10.2.3; `retry-after-ms` is what model vendors send besides.

use std::time::UNIX_EPOCH;

use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;
use tidegate_domain::time::UnixMs;

/// Longest wait that is honoured: a server does not switch us off for good.
const MAX_MS: u64 = 3_600_000;
/// Shortest wait: "at once" is said by clocks that are behind.
const MIN_MS: u64 = 100;

/// How long to wait by the headers of an answer: `retry-after-ms`, then `retry-after` in seconds or as a date.
///
/// `None` if neither is there or can be read. Else 100 ms..=1 h. `now` counts for dates only.
pub fn retry_after_ms(headers: &HeaderMap, now: UnixMs) -> Option<u64> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let precise = text("retry-after-ms").and_then(|ms| ms.parse().ok()).and_then(whole_ms);
    let wait = precise.or_else(|| text(RETRY_AFTER.as_str()).and_then(|said| of_header(said, now)))?;
    Some(wait.clamp(MIN_MS, MAX_MS))
}

fn of_header(said: &str, now: UnixMs) -> Option<u64> {
    if let Ok(seconds) = said.parse::<f64>() {
        return whole_ms(seconds * 1000.0);
    }
    let at = httpdate::parse_http_date(said).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let at_ms = i64::try_from(at.as_millis()).ok()?;
    Some(u64::try_from(at_ms.saturating_sub(now.0)).unwrap_or(0))
}

fn whole_ms(ms: f64) -> Option<u64> {
    (ms.is_finite() && ms >= 0.0).then_some(ms.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(pairs: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        // 1994-11-06T08:49:07Z
        retry_after_ms(&headers.collect(), UnixMs(784_111_747_000))
    }

    #[test]
    fn seconds_dates_and_milliseconds_are_read() {
        assert_eq!(waits(&[("retry-after", "7")]), Some(7_000));
        assert_eq!(waits(&[("retry-after", "1.5")]), Some(1_500));
        assert_eq!(waits(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(30_000));
        assert_eq!(waits(&[("retry-after", "7"), ("retry-after-ms", "250")]), Some(250));
        assert_eq!(waits(&[("retry-after", "7"), ("retry-after-ms", "soon")]), Some(7_000));
    }

    #[test]
    fn nonsense_is_no_wait_and_no_wait_is_endless() {
        for bad in ["", "soon", "-1", "NaN", "inf", "Sun, 99 Nov 1994"] {
            assert_eq!(waits(&[("retry-after", bad)]), None, "{bad}");
        }
        assert_eq!(waits(&[]), None);
        assert_eq!(waits(&[("retry-after", "99999999999999999999")]), Some(MAX_MS));
        assert_eq!(waits(&[("retry-after", "0")]), Some(MIN_MS));
        assert_eq!(waits(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(MIN_MS));
    }
}
