//! Text from the environment, read as the type of the setting it is for.

use toml::Value;

/// Reads `text` as the type of `like`; the error says what was expected.
///
/// A list is comma-separated (parts trimmed, empty ones dropped), or a TOML list if it starts with `[`.
pub(super) fn parse(text: &str, like: &Value) -> Result<Value, String> {
    let text = text.trim();
    let value = match like {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => truth(text).map(Value::Boolean),
        Value::Array(_) if text.starts_with('[') => return toml_list(text),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::Array(parts.map(Value::from).collect()))
        }
        Value::String(_) => Some(text.into()),
        Value::Datetime(_) | Value::Table(_) => None,
    };
    value.ok_or_else(|| format!("expected {}, found `{text}`", kind(like)))
}

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The text is not repeated in the error: a list may hold secrets.
fn toml_list(text: &str) -> Result<Value, String> {
    let parsed = toml::from_str::<toml::Table>(&format!("list = {text}"));
    let list = parsed.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("list"));
    list.ok_or_else(|| "expected a TOML list, since it starts with `[`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_the_type_of_the_setting() {
        assert_eq!(parse(" 7 ", &Value::Integer(0)), Ok(Value::Integer(7)));
        assert_eq!(parse("1", &Value::Float(0.5)), Ok(Value::Float(1.0)));
        assert_eq!(parse("True", &Value::Boolean(false)), Ok(Value::Boolean(true)));
        assert_eq!(parse("0", &Value::Boolean(true)), Ok(Value::Boolean(false)));
        assert_eq!(parse("12", &Value::from("")), Ok(Value::from("12")));
    }

    #[test]
    fn a_list_is_comma_separated_or_toml() {
        let empty = Value::Array(vec![]);
        assert_eq!(parse("a, b,,", &empty), Ok(Value::from(vec!["a", "b"])));
        assert_eq!(parse("", &empty), Ok(empty.clone()));
        assert_eq!(parse(r#"["a,b"]"#, &empty), Ok(Value::from(vec!["a,b"])));
        assert!(parse("[1]\nmore = 2", &empty).is_err());
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        assert_eq!(parse("many", &Value::Integer(0)).unwrap_err(), "expected a whole number, found `many`");
        assert_eq!(
            parse("maybe", &Value::Boolean(true)).unwrap_err(),
            "expected true or false, found `maybe`"
        );
        assert!(!parse("[hunter2", &Value::Array(vec![])).unwrap_err().contains("hunter2"));
    }
}
