//! Content, search, maps, messages.

use super::UUID;
use crate::secrets::rule::{Rule, assigned};

pub(super) const RULES: &[Rule] = &[
    assigned("adafruit-api-key", &["adafruit"], r"(?i-u:[a-z0-9_-]{32})", 2.5),
    assigned("airtable-api-key", &["airtable"], r"(?i-u:[a-z0-9]{17})", 2.5),
    assigned("beamer-api-token", &["beamer"], r"(?i-u:b_[a-z0-9=_-]{44})", 2.5),
    assigned("cohere-api-token", &["cohere", "CO_API_KEY"], r"[A-Za-z0-9]{40}", 3.5),
    assigned("contentful-api-token", &["contentful"], r"(?i-u:[a-z0-9=_-]{43})", 2.5),
    assigned("discord-api-token", &["discord"], r"(?i-u:[a-f0-9]{64})", 2.5),
    assigned("discord-client-id", &["discord"], r"[0-9]{18}", 2.0).medium(),
    assigned("discord-client-secret", &["discord"], r"(?i-u:[a-z0-9=_-]{32})", 2.0),
    assigned("dropbox-api-secret", &["dropbox"], r"(?i-u:[a-z0-9]{15})", 2.5),
    assigned("dropbox-short-lived-token", &["dropbox"], r"(?i-u:sl\.[a-z0-9=_-]{130,160})", 3.0),
    assigned("dropbox-long-lived-token", &["dropbox"], r"(?i-u:[a-z0-9]{11}AAAAAAAAAA[a-z0-9=_-]{43})", 2.5),
    assigned("facebook-secret", &["facebook"], r"(?i-u:[a-f0-9]{32})", 3.0),
    assigned("flickr-access-token", &["flickr"], r"(?i-u:[a-z0-9]{32})", 2.5),
    assigned("gitter-access-token", &["gitter"], r"(?i-u:[a-z0-9_-]{40})", 2.5),
    assigned("looker-client-id", &["looker"], r"(?i-u:[a-z0-9]{20})", 2.5).medium(),
    assigned("looker-client-secret", &["looker"], r"(?i-u:[a-z0-9]{24})", 2.5),
    assigned("mailgun-signing-key", &["mailgun"], r"(?i-u:[a-h0-9]{32}-[a-h0-9]{8}-[a-h0-9]{8})", 2.5),
    assigned(
        "messagebird-api-token",
        &["messagebird", "message-bird", "message_bird"],
        r"(?i-u:[a-z0-9]{25})",
        2.5,
    ),
    assigned("messagebird-client-id", &["messagebird", "message-bird", "message_bird"], UUID, 2.0).medium(),
    assigned(
        "nytimes-access-token",
        &["nytimes", "new-york-times", "newyorktimes"],
        r"(?i-u:[a-z0-9=_-]{32})",
        2.5,
    ),
    assigned("privateai-api-token", &["privateai", "private_ai", "private-ai"], r"[a-z0-9]{32}", 3.0),
    assigned(
        "telegram-bot-api-token",
        &["telegram", "telegr"],
        r"(?i-u:(?:bot)?[0-9]{5,16}:A[a-z0-9_-]{34})",
        2.5,
    ),
    assigned("twitch-api-token", &["twitch"], r"(?i-u:[a-z0-9]{30})", 2.5),
    assigned("twitter-access-secret", &["twitter"], r"(?i-u:[a-z0-9]{45})", 2.5),
    assigned("twitter-access-token", &["twitter"], r"(?i-u:[0-9]{15,25}-[a-z0-9]{20,40})", 2.5),
    assigned("twitter-api-key", &["twitter"], r"(?i-u:[a-z0-9]{25})", 2.5),
    assigned("twitter-api-secret", &["twitter"], r"(?i-u:[a-z0-9]{50})", 2.5),
];
