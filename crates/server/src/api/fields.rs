//! Reading the JSON body of a route: every field known, each refusal by name.

use axum::http::StatusCode;
use serde_json::value::RawValue;
use tidegate_domain::assessment::Category;
use tidegate_domain::draft::{FieldReader, RawFields};

use crate::app::App;
use crate::http::Problem;

/// Reads the members of a JSON object one by one with `member`, which says false for a name it does not know.
pub(super) fn read<'t>(
    app: &App,
    text: &'t str,
    mut member: impl FnMut(&mut FieldReader<'_>, &str, &'t RawValue) -> bool,
) -> Result<(), Problem> {
    let fields: RawFields<'t> = serde_json::from_str(text)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid-json", error.to_string()))?;
    let mut reader = FieldReader::new(&app.config.event, app.clock.now());
    if !fields.is_object {
        reader.refuse_whole("wrong_type", "expected an object");
    }
    for (name, raw) in &fields.members {
        if !member(&mut reader, name, raw) {
            reader.refuse(name, "unknown", format!("{name} is not a field of this request"));
        }
    }
    refuse(reader)
}

/// The refusals of `reader`, if there are any.
pub(super) fn refuse(reader: FieldReader<'_>) -> Result<(), Problem> {
    if reader.errors.is_empty() { Ok(()) } else { Err(Problem::invalid("invalid-request", reader.errors)) }
}

/// A category by name.
pub(super) fn category(reader: &mut FieldReader<'_>, name: &str, raw: &RawValue) -> Option<Category> {
    let text = reader.string(name, raw)?;
    let category = Category::parse(&text);
    if category.is_none() {
        let names = Category::ALL.map(Category::name).join(", ");
        reader.refuse(name, "invalid", format!("expected one of {names}"));
    }
    category
}

/// `true` or `false`.
pub(super) fn boolean(reader: &mut FieldReader<'_>, name: &str, raw: &RawValue) -> Option<bool> {
    let value = serde_json::from_str(raw.get()).ok();
    if value.is_none() {
        reader.refuse(name, "wrong_type", "expected true or false");
    }
    value
}
