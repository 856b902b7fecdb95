//! Work and people: trackers, desks, networks, sales.

use super::UUID;
use crate::secrets::rule::{Rule, assigned};

pub(super) const RULES: &[Rule] = &[
    assigned("asana-client-id", &["asana"], r"[0-9]{16}", 2.0).medium(),
    assigned("asana-client-secret", &["asana"], r"(?i-u:[a-z0-9]{32})", 2.5),
    assigned("atlassian-legacy-token", &["atlassian", "confluence", "jira"], r"(?i-u:[a-z0-9]{24})", 3.0),
    assigned("bitbucket-client-id", &["bitbucket"], r"(?i-u:[a-z0-9]{32})", 2.5).medium(),
    assigned("bitbucket-client-secret", &["bitbucket"], r"(?i-u:[a-z0-9=_-]{64})", 2.5),
    assigned("hubspot-api-key", &["hubspot"], UUID, 2.0),
    assigned("intercom-api-key", &["intercom"], r"(?i-u:[a-z0-9=_-]{60})", 2.5),
    assigned("linear-client-secret", &["linear"], r"(?i-u:[a-f0-9]{32})", 2.5),
    assigned("linkedin-client-id", &["linkedin", "linked-in", "linked_in"], r"(?i-u:[a-z0-9]{14})", 2.5)
        .medium(),
    assigned("linkedin-client-secret", &["linkedin", "linked-in", "linked_in"], r"(?i-u:[a-z0-9]{16})", 2.5),
    assigned("sendbird-access-id", &["sendbird"], UUID, 2.0),
    assigned("sendbird-access-token", &["sendbird"], r"(?i-u:[a-f0-9]{40})", 2.5),
    assigned("zendesk-secret-key", &["zendesk"], r"(?i-u:[a-z0-9]{40})", 2.5),
];
