//! Field errors: what is wrong with one field of an input, for whoever sent it.

use std::borrow::Cow;

use serde::Serialize;

/// One reason why an input was refused.
///
/// The detail names the limit and the value's size, never the value itself when it may be content (law 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// RFC 6901 JSON pointer to the field, for example `/actor/id`; empty for the whole input.
    pub pointer: String,
    /// Stable code for programs, for example `too_long`.
    pub code: &'static str,
    /// The reason in words, with the limit and the value's measure.
    pub detail: Cow<'static, str>,
}

impl FieldError {
    /// A field error; `pointer` as RFC 6901 says.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: pointer.into(), code, detail: detail.into() }
    }

    /// The same error seen from outside: `prefix` is put before the pointer.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        self.pointer.insert_str(0, prefix);
        self
    }
}

/// Appends `token` to `pointer`, escaped as RFC 6901 says.
pub fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}
