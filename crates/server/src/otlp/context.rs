//! W3C trace context: the identity of a trace and of a span, and what an inbound `traceparent` says.
//!
//! Source: W3C Trace Context, level 1, section 3.2.

use std::fmt;

use axum::http::HeaderMap;
use data_encoding::HEXLOWER;

/// Identifies a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub [u8; 16]);

/// Identifies a span within its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub [u8; 8]);

/// The span that a request was sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Its trace.
    pub trace_id: TraceId,
    /// Itself.
    pub span_id: SpanId,
    /// True if it is recorded where it came from.
    pub is_sampled: bool,
}

impl TraceParent {
    /// The valid `traceparent` of a request; `None` if there is none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get("traceparent")?.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let [version] = hex(parts.next()?)?;
        let (trace_id, span_id) = (hex(parts.next()?)?, hex(parts.next()?)?);
        let [flags]: [u8; 1] = hex(parts.next()?)?;
        // Later versions may append what we do not know.
        let is_whole = version > 0 || parts.next().is_none();
        let is_valid = is_whole && version != 0xff && trace_id != [0; 16] && span_id != [0; 8];
        is_valid.then_some(Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId(span_id),
            is_sampled: flags & 1 == 1,
        })
    }
}

fn hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_valid_traceparent_is_read() {
        for (flags, is_sampled) in [("01", true), ("00", false), ("03", true)] {
            let parent = TraceParent::parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
            assert_eq!((parent.trace_id.to_string().as_str(), parent.is_sampled), (TRACE, is_sampled));
            assert_eq!(parent.span_id, SpanId([0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
        }
        assert!(TraceParent::parse(&format!("01-{TRACE}-{SPAN}-01-more")).is_some(), "a later version");
    }

    #[test]
    fn only_a_valid_traceparent_is_honoured() {
        for bad in [
            "",
            "00-1-2-3",
            &format!("00-{TRACE}-{SPAN}"),
            &format!("00-{TRACE}-{SPAN}-01-more"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
