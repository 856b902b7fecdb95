//! What a tool call asked and got: its name and arguments, and its result, wherever an event keeps them.

use serde_json::Value;
use tidegate_domain::analysis::Turn;

/// The text of a tool call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Call {
    /// Name and arguments.
    pub(crate) asked: String,
    /// What came back, if the event holds it.
    pub(crate) result: String,
}

/// Deeper values are not read.
const DEPTH_MAX: usize = 8;

/// Reads a tool call or a tool's answer: `content`, and `toolName`, `arguments` and `result` of its data. Cost O(bytes).
pub(crate) fn of(event: &Turn) -> Call {
    let mut call = Call { asked: event.content.clone(), result: String::new() };
    let data: Option<Value> = event.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
    let Some(Value::Object(data)) = data else { return call };
    for (name, value) in &data {
        match name.as_str() {
            "result" | "output" => strings(value, &mut call.result, 0),
            "toolName" | "name" | "arguments" | "args" | "input" => strings(value, &mut call.asked, 0),
            _ => {}
        }
    }
    call
}

/// Every string, number and key of a value, one a line.
fn strings(value: &Value, into: &mut String, depth: usize) {
    let mut put = |text: &str| {
        if !into.is_empty() {
            into.push('\n');
        }
        into.push_str(text);
    };
    match value {
        Value::String(text) => put(text),
        Value::Number(number) => put(&number.to_string()),
        Value::Array(values) if depth < DEPTH_MAX => {
            values.iter().for_each(|value| strings(value, into, depth + 1));
        }
        Value::Object(fields) if depth < DEPTH_MAX => {
            fields.values().for_each(|value| strings(value, into, depth + 1));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::turn;
    use tidegate_domain::analysis::TurnKind;

    #[test]
    fn arguments_and_result_are_read_from_data() {
        let data = r#"{"toolName":"send","arguments":{"to":["a@b.c"],"n":7},"result":"sent","other":"x"}"#;
        let event = Turn { data: Some(data.into()), ..turn(TurnKind::ToolCall, "") };
        let call = of(&event);
        assert!(call.asked.contains("send") && call.asked.contains("a@b.c") && call.asked.contains('7'));
        assert_eq!(call.result, "sent");
        let event = Turn { data: Some("[1]".into()), ..turn(TurnKind::ToolCall, "ls(-l)") };
        assert_eq!(of(&event), Call { asked: "ls(-l)".into(), result: String::new() });
    }
}
