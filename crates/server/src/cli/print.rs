//! What a server says to the person who starts it.

use std::net::SocketAddr;

use tidegate_domain::id::ProjectId;

use super::out;

/// The first start's owner key, shown once.
pub fn owner_key(project: &ProjectId, key: &str) {
    out::say(&format!(
        "Owner key of project {project}, shown this once:\n\n  {key}\n\nMore keys: tidegate key create --project NAME\n"
    ));
}

/// Where the server is, and what to do first.
pub(super) fn welcome(addresses: &[SocketAddr], is_dev: bool) {
    let Some(first) = addresses.first() else { return };
    out::say(&format!("Tidegate listens on http://{first}  (API browser: http://{first}/docs)"));
    if is_dev {
        out::say("Development mode: loopback callers need no key and act for project proj_dev.");
    }
}
