//! Access: the caller of a request, and what it may do. A handler names the scope it needs in its signature.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use data_encoding::BASE64;
use tidegate_domain::ports::{Scope, Scopes};
use tidegate_engine::access::Grant;

use super::Problem;
use crate::app::App;

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The project of development mode.
pub const DEV_PROJECT: &str = "proj_dev";
/// Keys that development mode lets in from loopback; they are no secret.
const DEV_KEYS: [&str; 3] = ["dev-key-12345", "test-key", "dev-key"];
/// A key is shorter; longer text is refused before it is hashed.
const KEY_MAX_BYTES: usize = 512;

/// A scope that a handler needs.
pub trait Needs: Send + Sync {
    /// The scope.
    const SCOPE: Scope;
}

/// Sending events.
pub struct ToIngest;
/// Reading events, sessions and screenings.
pub struct ToRead;

/// Changing settings of the project: labels are.
pub struct ToWrite;

impl Needs for ToWrite {
    const SCOPE: Scope = Scope::Write;
}

impl Needs for ToIngest {
    const SCOPE: Scope = Scope::Ingest;
}

impl Needs for ToRead {
    const SCOPE: Scope = Scope::Read;
}

/// A caller with the scope `N`.
pub struct Caller<N> {
    /// What it may do.
    pub grant: Grant,
    /// The key it showed, to ask again later on a long stream; `None` in development mode.
    pub credential: Option<Arc<str>>,
    needs: PhantomData<N>,
}

impl<N> Caller<N> {
    /// The project of everything this caller does.
    pub fn project(&self) -> &str {
        self.grant.project.as_str()
    }
}

impl<N: Needs> FromRequestParts<Arc<App>> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let identified = identify(parts, app);
        let grant = identified.as_ref().ok().map(|(grant, _)| grant);
        app.rates.take(N::SCOPE, parts, grant).await?;
        let (grant, credential) = identified?;
        if !grant.allows(N::SCOPE) {
            let detail = format!("this key lacks the scope {}", N::SCOPE.name());
            return Err(Problem::new(StatusCode::FORBIDDEN, "insufficient-scope", detail));
        }
        Ok(Self { grant, credential, needs: PhantomData })
    }
}

fn identify(parts: &Parts, app: &App) -> Result<(Grant, Option<Arc<str>>), Problem> {
    let presented = presented(&parts.headers)?;
    if let Some(key) = &presented
        && let Some(grant) = app.access.authenticate(key)
    {
        return Ok((grant, Some(key.as_ref().into())));
    }
    let dev_key = presented.as_deref().is_none_or(|key| DEV_KEYS.contains(&key));
    if app.config.server.dev && dev_key && is_local(parts) {
        return Ok((dev_grant(app), None));
    }
    let (kind, detail) = match presented {
        Some(_) => ("invalid-api-key", "the API key is unknown, revoked or expired"),
        None => ("missing-api-key", "send an API key in x-api-key, api-key, or Authorization"),
    };
    Err(Problem::new(StatusCode::UNAUTHORIZED, kind, detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
}

fn dev_grant(app: &App) -> Grant {
    Grant { project: app.dev_project.clone(), scopes: Scopes::all(), key_id: "dev".into() }
}

/// The key of a request, in any of the four forms; the first one counts.
fn presented(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Problem> {
    let plain = headers.get("x-api-key").or_else(|| headers.get("api-key")).map(|value| value.to_str());
    let key = match plain {
        Some(Ok(key)) => Some(Cow::Borrowed(key.trim())),
        Some(Err(_)) => return Err(malformed()),
        None => headers.get(header::AUTHORIZATION).map(authorization).transpose()?,
    };
    match key {
        Some(key) if key.len() > KEY_MAX_BYTES => Err(malformed()),
        key => Ok(key),
    }
}

fn authorization(value: &HeaderValue) -> Result<Cow<'_, str>, Problem> {
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Cow::Borrowed(rest));
    }
    if !scheme.eq_ignore_ascii_case("basic") || rest.len() > KEY_MAX_BYTES * 2 {
        return Err(malformed());
    }
    let decoded = BASE64.decode(rest.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.ok_or_else(malformed)?;
    Ok(Cow::Owned(pair.split(':').next().unwrap_or("").to_owned()))
}

fn malformed() -> Problem {
    let detail = "Authorization must be `Bearer KEY`, or Basic with the key as user name";
    Problem::new(StatusCode::UNAUTHORIZED, "malformed-api-key", detail)
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// True for a caller on this machine that is no web page of another site: the peer and each host asked for are
/// loopback, and so is the origin, if there is one (a page can make a browser here send requests, DNS can lie).
fn is_local(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<Peer>().is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let all = |name: HeaderName, is_ours: fn(&str) -> bool| {
        parts.headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(is_ours))
    };
    let from_here = |origin: &str| origin.split_once("://").is_some_and(|(_, host)| is_loopback_host(host));
    peer && all(header::HOST, is_loopback_host)
        && parts.uri.authority().is_none_or(|authority| is_loopback_host(authority.as_str()))
        && all(header::ORIGIN, from_here)
}

fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(name: &'static str, value: &str) -> Result<Option<String>, StatusCode> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        presented(&headers).map(|key| key.map(Cow::into_owned)).map_err(|problem| problem.status)
    }

    #[test]
    fn all_four_forms_carry_the_same_key() {
        for (name, value) in [
            ("x-api-key", "k"),
            ("api-key", "k"),
            ("authorization", "Bearer k"),
            ("authorization", "Basic azo="),
        ] {
            assert_eq!(key_of(name, value), Ok(Some("k".into())), "{name}: {value}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_panic() {
        for value in ["k", "Digest k", "Basic !!!", "Basic /w==", &format!("Bearer {}", "x".repeat(600))] {
            assert_eq!(key_of("authorization", value), Err(StatusCode::UNAUTHORIZED), "{value}");
        }
    }

    #[test]
    fn only_loopback_hosts_are_local() {
        for host in ["localhost", "localhost:3001", "127.0.0.1:8001", "[::1]:3000", "127.9.9.9"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com:80", "10.0.0.1", "[2001:db8::1]:80", ""] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }
}
