//! Query parameters: each one known, each read once, each refusal by name. An unknown parameter is an error, so
//! that a misspelt filter never quietly returns everything.

use std::borrow::Cow;

use axum::http::Uri;
use tidegate_domain::assessment::RiskScore;
use tidegate_domain::fault::FieldError;
use tidegate_domain::filter::Order;
use tidegate_domain::time::UnixMs;

use super::Problem;

/// Longest value of one parameter, in bytes.
const VALUE_MAX_BYTES: usize = 1024;

/// The parameters of one request. Take each known one, then call [`Params::finish`].
pub struct Params {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Params {
    /// The parameters of `uri`.
    pub fn of(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or(""))
    }

    /// The pairs of a query string or form.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self { pairs: pairs.collect(), errors: Vec::new() }
    }

    /// Keeps an error about parameter `name`.
    pub fn refuse(&mut self, name: &str, code: &'static str, detail: impl Into<Cow<'static, str>>) {
        self.errors.push(FieldError::new(format!("/{name}"), code, detail));
    }

    /// The value of `name`; `None` if absent or empty. Given twice, it is refused.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let value = self.take_any(name)?;
        if value.len() > VALUE_MAX_BYTES {
            self.refuse(name, "too_long", format!("at most {VALUE_MAX_BYTES} bytes, got {}", value.len()));
            return None;
        }
        Some(value)
    }

    /// As [`Params::take`], for text of up to `max_chars` characters.
    pub fn take_long(&mut self, name: &str, max_chars: usize) -> Option<String> {
        let value = self.take_any(name)?;
        let chars = value.chars().count();
        if chars > max_chars {
            self.refuse(name, "too_long", format!("at most {max_chars} characters, got {chars}"));
        }
        Some(value)
    }

    fn take_any(&mut self, name: &str) -> Option<String> {
        let mut found = Vec::new();
        self.pairs.retain_mut(|(key, value)| {
            let is_it = key == name;
            if is_it {
                found.push(std::mem::take(value));
            }
            !is_it
        });
        if found.len() > 1 {
            self.refuse(name, "repeated", "given more than once");
        }
        found.pop().filter(|value| !value.is_empty())
    }

    /// The value of `name` as `parse` reads it; refused with what was `expected` if it cannot.
    pub fn parsed<T>(&mut self, name: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.take(name)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            self.refuse(name, "invalid", format!("expected {expected}"));
        }
        parsed
    }

    /// A risk score.
    pub fn risk(&mut self, name: &str) -> Option<RiskScore> {
        self.parsed(name, "a number from 0 to 1", |text| {
            text.parse::<f64>().ok().and_then(|v| v.try_into().ok())
        })
    }

    /// A moment.
    pub fn time(&mut self, name: &str) -> Option<UnixMs> {
        self.parsed(name, "an RFC 3339 time with an offset, or Unix milliseconds", UnixMs::parse)
    }

    /// `asc` or `desc`.
    pub fn order(&mut self, name: &str) -> Option<Order> {
        self.parsed(name, "asc or desc", |text| match text {
            "asc" => Some(Order::Asc),
            "desc" => Some(Order::Desc),
            _ => None,
        })
    }

    /// The size of a page, and a notice if more was asked for than a page holds.
    pub fn limit(&mut self, default: usize, max: usize) -> (usize, Option<String>) {
        let wanted = self
            .parsed("limit", "a whole number from 1", |text| text.parse::<usize>().ok().filter(|n| *n > 0));
        match wanted {
            Some(wanted) if wanted > max => (max, Some(format!("limit {wanted} was lowered to {max}"))),
            Some(wanted) => (wanted, None),
            None => (default, None),
        }
    }

    /// Ends the reading: parameters that nobody took are unknown, and any error refuses the request.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let shown: String = name.chars().take(64).collect();
            self.errors.push(FieldError::new(
                format!("/{shown}"),
                "unknown_parameter",
                "there is no such parameter here",
            ));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid("invalid-parameter", self.errors)) }
    }
}

/// The byte of two hexadecimal digits; no sign, which `from_str_radix` would take.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}

/// Percent and plus decoding; what is no UTF-8 becomes U+FFFD.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(hex_byte);
        rest = after;
        match (first, hex) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let mut params = Params::parse("a=b%20c+d&e=%F0%9F%98%80&bad=%zz&sign=%+5");
        assert_eq!(params.take("a").as_deref(), Some("b c d"));
        assert_eq!(params.take("e").as_deref(), Some("😀"));
        assert_eq!(params.take("bad").as_deref(), Some("%zz"));
        assert_eq!(params.take("sign").as_deref(), Some("% 5"));
        assert!(params.finish().is_ok());
    }

    #[test]
    fn a_misspelt_parameter_is_refused_by_name() {
        let problem = Params::parse("sesionId=x").finish().unwrap_err();
        assert_eq!(
            (problem.errors[0].pointer.as_str(), problem.errors[0].code),
            ("/sesionId", "unknown_parameter")
        );
    }

    #[test]
    fn too_large_a_page_is_lowered_and_said_so() {
        assert_eq!(
            Params::parse("limit=9999").limit(50, 1000),
            (1000, Some("limit 9999 was lowered to 1000".into()))
        );
        assert_eq!(Params::parse("").limit(50, 1000), (50, None));
        let mut params = Params::parse("limit=0&limit=");
        params.limit(50, 1000);
        assert!(params.finish().is_err());
    }
}
