//! From what a client sent to an [`crate::event::Event`]: reading raw JSON fields under the limits.
//!
//! A door lists its fields; a [`FieldReader`] reads each one, keeps every error with its JSON pointer, and goes
//! on, so that a client sees all that is wrong at once. Strings without escapes are borrowed from the body.

mod fields;
mod reader;

pub use fields::{MEMBERS_MAX, QuickFields, RawFields};
pub use reader::FieldReader;
