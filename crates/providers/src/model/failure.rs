//! What a vendor's status and error body mean.
//!
//! Of a body only the vendor's short words are kept (`invalid_api_key`, `model_not_found`): its sentences repeat keys and
//! prompts.

use hyper::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tidegate_domain::time::UnixMs;

use super::CallError;
use crate::http::{HttpResponse, retry_after_ms};

/// The wait after a 429 that names none.
const BUSY_MS: u64 = 10_000;
/// Longest word of a vendor that is repeated.
const WORD_MAX: usize = 48;
/// Anthropic's status for "overloaded".
const OVERLOADED: u16 = 529;

/// An answer that says a request failed.
pub(super) struct Failure {
    status: StatusCode,
    retry_after_ms: Option<u64>,
    words: Words,
}

/// `{"error": {…}}`, or the same members without the envelope (vLLM before 0.10).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Value,
    #[serde(flatten)]
    words: Words,
}

/// What vendors say of an error. Values may be of any type: a proxy's error must not hide the status.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Words {
    code: Value,
    #[serde(rename = "type")]
    kind: Value,
    param: Value,
    message: Value,
}

impl Failure {
    /// The failure that `response` tells of; `None` if it succeeded.
    pub(super) fn of(response: &HttpResponse, now: UnixMs) -> Option<Self> {
        if response.status.is_success() {
            return None;
        }
        let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
        let words = serde_json::from_value(body.error).unwrap_or(body.words);
        let retry_after_ms = retry_after_ms(&response.headers, now);
        Some(Self { status: response.status, retry_after_ms, words })
    }

    /// True if the server does not take `member` of the request: by name where it gives one, else in its sentence.
    pub(super) fn blames(&self, member: &str) -> bool {
        let is_about_form = matches!(self.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        let is_named = match (self.words.param.as_str(), self.words.message.as_str()) {
            (Some(param), _) => {
                param == member || param.strip_prefix(member).is_some_and(|s| s.starts_with('.'))
            }
            (None, Some(message)) => message.contains(member),
            (None, None) => false,
        };
        is_about_form && is_named
    }

    /// The error that a caller sees.
    ///
    /// 429 is [`CallError::Busy`], and so is 503 or 529 with a time; other 5xx, 408, 409 and 425 may pass; the rest stays
    /// as it is, redirects too: none is followed.
    pub(super) fn into_error(self) -> CallError {
        let reason = self.reason();
        match self.status.as_u16() {
            429 => CallError::Busy { retry_after_ms: self.retry_after_ms.unwrap_or(BUSY_MS) },
            503 | OVERLOADED if self.retry_after_ms.is_some() => {
                CallError::Busy { retry_after_ms: self.retry_after_ms.unwrap_or(BUSY_MS) }
            }
            408 | 409 | 425 | 500.. => CallError::Unavailable(reason.into()),
            300..=399 => CallError::Refused { reason: format!("{reason}: redirects are not followed") },
            _ => CallError::Refused { reason },
        }
    }

    fn reason(&self) -> String {
        let word = word(&self.words.code).or_else(|| word(&self.words.kind));
        let status = self.status.as_u16();
        word.map_or_else(|| format!("status {status}"), |word| format!("status {status} ({word})"))
    }
}

/// A vendor's word, if it is one: small letters and `_`, which no key is made of.
fn word(value: &Value) -> Option<&str> {
    let is_word = |text: &&str| {
        !text.is_empty()
            && text.len() <= WORD_MAX
            && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    value.as_str().filter(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Failure {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let response = HttpResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect(),
            body: body.to_owned().into(),
        };
        Failure::of(&response, UnixMs(0)).unwrap()
    }

    #[test]
    fn each_status_has_its_meaning() {
        for status in [400, 401, 402, 403, 404, 413, 422] {
            assert!(matches!(failure(status, &[], "").into_error(), CallError::Refused { .. }), "{status}");
        }
        for status in [408, 409, 500, 502, 503, 504, 529] {
            assert!(matches!(failure(status, &[], "").into_error(), CallError::Unavailable(_)), "{status}");
        }
        for status in [429, 503, 529] {
            let error = failure(status, &[("retry-after", "3")], "").into_error();
            assert!(matches!(error, CallError::Busy { retry_after_ms: 3000 }), "{status}");
        }
        assert!(matches!(failure(429, &[], "").into_error(), CallError::Busy { retry_after_ms: BUSY_MS }));
        assert!(failure(302, &[], "").into_error().to_string().contains("not followed"));
    }

    #[test]
    fn only_the_vendors_words_are_repeated() {
        let said = |body: &str| failure(401, &[], body).into_error().to_string();
        let openai = r#"{"error":{"message":"Incorrect API key: sk-hunter2","type":"invalid_request_error","code":"invalid_api_key"}}"#;
        assert_eq!(said(openai), "the vendor refuses: status 401 (invalid_api_key)");
        let anthropic = r#"{"type":"error","error":{"type":"authentication_error","message":"x"}}"#;
        assert_eq!(said(anthropic), "the vendor refuses: status 401 (authentication_error)");
        for odd in [
            r#"{"error":{"code":"sk-hunter2"}}"#,
            r#"{"error":"sk-hunter2"}"#,
            r#"{"code":401}"#,
            "<html>",
            "[]",
        ] {
            assert_eq!(said(odd), "the vendor refuses: status 401", "{odd}");
        }
    }

    #[test]
    fn a_member_is_blamed_by_name_or_in_a_sentence() {
        let named = failure(
            400,
            &[],
            r#"{"error":{"param":"response_format.json_schema","message":"no temperature"}}"#,
        );
        assert!(named.blames("response_format") && !named.blames("temperature") && !named.blames("response"));
        let flat = failure(422, &[], r#"{"object":"error","message":"temperature must be 1","code":400}"#);
        assert!(flat.blames("temperature"));
        assert!(!failure(500, &[], r#"{"error":{"param":"temperature"}}"#).blames("temperature"));
    }
}
