//! Time as a value: milliseconds since the Unix epoch, and its RFC 3339 form.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// The RFC 3339 form with milliseconds and `Z`. Moments outside jiff's years are shown at its ends.
    pub fn to_rfc3339(self) -> String {
        let shown = Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        format!("{shown:.3}")
    }

    /// Reads an RFC 3339 time with an offset, or Unix milliseconds as digits; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(ms) = text.parse::<i64>() {
            return Timestamp::from_millisecond(ms).ok().map(|t| Self(t.as_millisecond()));
        }
        text.parse::<Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// This moment `ms` milliseconds later (or earlier, if negative), without overflow.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl Serialize for UnixMs {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for UnixMs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_and_milliseconds_name_the_same_moment() {
        let moment = UnixMs(1_763_640_000_123);
        assert_eq!(UnixMs::parse(&moment.to_rfc3339()), Some(moment));
        assert_eq!(UnixMs::parse("1763640000123"), Some(moment));
        assert_eq!(UnixMs::parse("2025-11-20T12:00:00.123+00:00"), Some(moment));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2025-11-20", "2025-11-20T12:00:00", "99999999999999999", "1e3"] {
            assert_eq!(UnixMs::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        assert!(UnixMs(i64::MAX).to_rfc3339().starts_with("9999-12-30"));
        assert!(UnixMs(i64::MIN).to_rfc3339().starts_with("-009999"));
    }
}
