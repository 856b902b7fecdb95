//! What a door saw of a request: kept with each event, and what its events are judged by.

use std::net::IpAddr;

use axum::http::{Extensions, HeaderMap, header};
use tidegate_domain::limits::EventLimits;
use tidegate_domain::time::UnixMs;

use crate::http::auth::Peer;
use crate::otlp::OpenSpan;

/// Longest user agent that is kept, in characters.
const USER_AGENT_MAX_CHARS: usize = 512;

/// What all events of one request share.
pub struct DoorContext<'r> {
    /// The caller's project.
    pub project: &'r str,
    /// Limits on each event.
    pub limits: &'r EventLimits,
    /// The moment of the request.
    pub now: UnixMs,
    /// Where the sender put the idempotency key.
    pub key_pointer: &'static str,
    /// The request's span, if it is traced.
    pub span: Option<OpenSpan>,
    /// The `Idempotency-Key` header, for an event without a key of its own.
    pub idempotency_key: Option<String>,
    /// The envelope's `context`.
    json: String,
}

impl<'r> DoorContext<'r> {
    /// The context of a request through `door`.
    pub fn new(
        door: &'static str,
        project: &'r str,
        limits: &'r EventLimits,
        now: UnixMs,
        headers: &HeaderMap,
        seen: &Extensions,
    ) -> Self {
        let mut json = format!("{{\"door\":\"{door}\"");
        if let Some(Peer(address)) = seen.get() {
            json.push_str(&format!(",\"ip\":\"{}\"", network_of(address.ip())));
        }
        if let Some(agent) = headers.get(header::USER_AGENT) {
            let agent: String =
                String::from_utf8_lossy(agent.as_bytes()).chars().take(USER_AGENT_MAX_CHARS).collect();
            json.push_str(",\"userAgent\":");
            json.push_str(&serde_json::Value::from(agent).to_string());
        }
        json.push('}');
        let key_pointer = if door == "moderation" { "/event_id" } else { "/idempotencyKey" };
        let span = seen.get().copied();
        Self { project, limits, now, key_pointer, span, idempotency_key: None, json }
    }

    /// The `context` of each event of the request.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// The address without the part that names one person's machine: /24 of IPv4, /48 of IPv6.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_its_network() {
        for (ip, network) in [
            ("203.0.113.77", "203.0.113.0"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2::3", "2001:db8:1::"),
        ] {
            assert_eq!(network_of(ip.parse().unwrap()).to_string(), network);
        }
    }

    #[test]
    fn a_hostile_user_agent_stays_one_json_string() {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, "a\"},{\"x\":\"y".parse().unwrap());
        let limits = EventLimits::default();
        let context =
            DoorContext::new("chat", "p", &limits, UnixMs(0), &headers, &Extensions::new()).json().to_owned();
        let value: serde_json::Value = serde_json::from_str(&context).unwrap();
        assert_eq!(value["userAgent"], "a\"},{\"x\":\"y");
    }
}
