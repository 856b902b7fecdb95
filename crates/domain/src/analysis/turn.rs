//! One event of a session as an analysis reads it.

use serde::Serialize;

use super::is_reserved;
use crate::assessment::Assessment;
use crate::event::Event;
use crate::id::Position;
use crate::ports::Receipt;
use crate::time::UnixMs;

/// Whose words a turn holds: where text came from matters as much as what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnKind {
    /// A person's.
    User,
    /// The model's answer.
    Assistant,
    /// The operator's instructions.
    System,
    /// The model's reasoning, which no user sees.
    Cot,
    /// What the model asked a tool to do.
    ToolCall,
    /// What a tool gave back: text of others.
    ToolResult,
    /// A policy's decision.
    PolicyDecision,
    /// Anything else.
    Other,
}

impl TurnKind {
    /// The kind of an event: by its type where that says so, else by its role.
    pub fn of(event_type: &str, role: Option<&str>) -> Self {
        match event_type {
            "message.user" => Self::User,
            "message.assistant" => Self::Assistant,
            "message.system" => Self::System,
            "message.tool" | "tool_result" => Self::ToolResult,
            "tool_call" => Self::ToolCall,
            "policy_decision" => Self::PolicyDecision,
            other if is_cot(other) => Self::Cot,
            _ => match role {
                Some("user") => Self::User,
                Some("assistant") => Self::Assistant,
                Some("system") => Self::System,
                Some("tool") => Self::ToolResult,
                _ => Self::Other,
            },
        }
    }
}

/// True for the type of an event that holds a chain of thought: `cot`, `cot.…`, but not for that of its analysis.
pub fn is_cot(event_type: &str) -> bool {
    (event_type == "cot" || event_type.starts_with("cot.")) && !is_reserved(event_type)
}

/// An event of a session, with what screening said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The event's id.
    pub event_id: String,
    /// Its place in the log.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: UnixMs,
    /// Whose words these are.
    pub kind: TurnKind,
    /// The text; empty if it has none. Untrusted.
    pub content: String,
    /// The event's free data, one JSON object; a tool call's arguments and result lie there. Untrusted.
    pub data: Option<String>,
    /// What screening said; `None` if it was clear or had no text.
    pub assessment: Option<Assessment>,
}

impl Turn {
    /// The turn of an event.
    pub fn of(event: &Event<'_>, receipt: &Receipt, assessment: Option<Assessment>) -> Self {
        Self {
            event_id: receipt.id.to_string(),
            position: receipt.position,
            recorded_at: receipt.recorded_at,
            kind: TurnKind::of(&event.event_type, event.role.as_deref()),
            content: event.content.as_deref().unwrap_or_default().to_owned(),
            data: event.data.as_deref().map(str::to_owned),
            assessment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_decides_and_else_the_role() {
        assert_eq!(TurnKind::of("message.user", Some("assistant")), TurnKind::User);
        assert_eq!(TurnKind::of("ChatMessageCreated", Some("assistant")), TurnKind::Assistant);
        assert_eq!(TurnKind::of("cot.step", None), TurnKind::Cot);
        assert_eq!(TurnKind::of("cottage", None), TurnKind::Other);
        assert_eq!(TurnKind::of("cot.analyzed", None), TurnKind::Other);
        assert_eq!(TurnKind::of("x", Some("tool")), TurnKind::ToolResult);
    }
}
