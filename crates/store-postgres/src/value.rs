//! Values of the domain as PostgreSQL writes them.

use std::error::Error;

use bytes::BytesMut;
use tidegate_domain::id::{Position, Shard};
use tidegate_domain::ports::Receipt;
use tidegate_domain::time::UnixMs;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// A position as `bigint`; one beyond it as the largest, which no event has.
pub(crate) fn bound(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

/// The receipt of an event. Its id names no shard: positions are the log's, so that ids sort as they do (ADR 0007).
pub(crate) fn receipt(shard: Shard, position: Position, recorded_at: UnixMs, crc: u32) -> Receipt {
    Receipt { shard, ..Receipt::new(Shard::default(), position, recorded_at, crc) }
}

/// From 1970 to PostgreSQL's year 2000.
const EPOCH_MS: i64 = 946_684_800_000;

/// A moment as `timestamptz`: microseconds since 2000, where the ends of the numbers are the infinities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) UnixMs);

impl Moment {
    fn micros(self) -> i64 {
        self.0.0.saturating_sub(EPOCH_MS).saturating_mul(1000)
    }

    fn of_micros(micros: i64) -> Self {
        match micros {
            i64::MIN | i64::MAX => Self(UnixMs(micros)),
            _ => Self(UnixMs(micros.div_euclid(1000).saturating_add(EPOCH_MS))),
        }
    }
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.micros().to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Moment {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::of_micros(i64::from_be_bytes(raw.try_into()?)))
    }

    accepts!(TIMESTAMPTZ);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_as_they_went() {
        for ms in [i64::MIN, -62_135_596_800_000, -1, 0, 1, 1_763_640_000_001, 253_402_300_799_999, i64::MAX]
        {
            assert_eq!(Moment::of_micros(Moment(UnixMs(ms)).micros()), Moment(UnixMs(ms)));
        }
    }
}
