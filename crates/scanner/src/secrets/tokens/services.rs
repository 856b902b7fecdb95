//! What is not tied to one kind of service: web tokens and chat bots.

use crate::secrets::rule::{Rule, token};

pub(super) const RULES: &[Rule] = &[
    token(
        "jwt",
        &["ey"],
        r"ey[A-Za-z0-9_-]{17,1000}\.ey[A-Za-z0-9/\\_-]{17,1000}(?:\.[A-Za-z0-9/\\_-]{0,600}={0,2})?",
        3.0,
    )
    .open(),
    token("jwt-base64", &["ZXlK"], r"ZXlK[A-Za-z0-9/+_-]{60,100}", 3.0).open(),
    token(
        "discord-bot-token",
        &["."],
        r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
        3.5,
    )
    .lead(26),
];
