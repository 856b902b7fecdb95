//! The address a vendor's paths begin with.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;
use serde::{Deserialize, Serialize};

/// For example `https://api.openai.com/v1`: a scheme, a host, perhaps a port and a path; nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl {
    text: String,
    is_tls: bool,
}

impl BaseUrl {
    /// True for `https`.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The address of `path`, which begins with a slash. Errors: never for a path of ours; said for the caller's sake.
    pub fn join(&self, path: &str) -> Result<Uri, hyper::http::uri::InvalidUri> {
        format!("{}{path}", self.text).parse()
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    /// Errors: the rule, without the text, which may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let rule =
            || "must be http://HOST[:PORT][/PATH] or https://…, without user, query or fragment".to_owned();
        let uri: Uri = text.parse().map_err(|_| rule())?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(rule()),
        };
        let has_host = uri.authority().is_some_and(|a| !a.host().is_empty() && !a.as_str().contains('@'));
        if !has_host || text.contains(['?', '#']) {
            return Err(rule());
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), is_tls })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.text
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_base_whether_it_ends_in_a_slash_or_not() {
        for text in ["https://h/v1", "https://h/v1/"] {
            let base: BaseUrl = text.parse().unwrap();
            assert_eq!(base.join("/messages").unwrap().to_string(), "https://h/v1/messages");
            assert!(base.is_tls());
        }
    }

    #[test]
    fn what_is_no_base_is_refused_and_not_repeated() {
        for text in [
            "",
            "h",
            "ftp://h",
            "https://",
            "https:///v1",
            "https://me:hunter2@h",
            "http://h/?k=hunter2",
            "http://h/#hunter2",
        ] {
            let rule = text.parse::<BaseUrl>().unwrap_err();
            assert!(!rule.contains("hunter2"), "{rule}");
        }
    }
}
