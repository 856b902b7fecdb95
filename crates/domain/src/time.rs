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
    use proptest::prelude::*;

    use super::*;

    /// The years that have four digits.
    const PLAIN_YEARS_MS: std::ops::Range<i64> = -62_167_219_200_000..253_402_207_200_000;

    proptest! {
        #[test]
        fn every_moment_comes_back_as_it_went(ms in Timestamp::MIN.as_millisecond()..=Timestamp::MAX.as_millisecond()) {
            prop_assert_eq!(UnixMs::parse(&UnixMs(ms).to_rfc3339()), Some(UnixMs(ms)));
            prop_assert_eq!(UnixMs::parse(&ms.to_string()), Some(UnixMs(ms)));
            let json = serde_json::to_string(&UnixMs(ms)).unwrap();
            prop_assert_eq!(serde_json::from_str::<UnixMs>(&json).unwrap(), UnixMs(ms));
        }

        #[test]
        fn times_as_text_sort_as_moments(a in PLAIN_YEARS_MS, b in PLAIN_YEARS_MS) {
            prop_assert_eq!(UnixMs(a).to_rfc3339().cmp(&UnixMs(b).to_rfc3339()), a.cmp(&b));
        }

        #[test]
        fn an_offset_moves_the_clock_face_and_not_the_moment(ms in 0..PLAIN_YEARS_MS.end, hours in 0i64..24, minutes in 0i64..60) {
            let east_ms = (hours * 60 + minutes) * 60_000;
            let face = UnixMs(ms).to_rfc3339();
            let face = face.trim_end_matches('Z');
            let east = UnixMs::parse(&format!("{face}+{hours:02}:{minutes:02}"));
            prop_assert_eq!(east, Some(UnixMs(ms).plus_ms(-east_ms)));
        }

        #[test]
        fn any_text_is_a_time_or_none(text in "\\PC{0,40}", like in "[-+0-9TZtz:. ]{0,32}", ms: i64, more: i64) {
            for text in [text, like] {
                if let Some(moment) = UnixMs::parse(&text) {
                    prop_assert_eq!(UnixMs::parse(&moment.to_rfc3339()), Some(moment));
                }
            }
            prop_assert_eq!(UnixMs(ms).plus_ms(more).0, ms.saturating_add(more));
        }
    }

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
