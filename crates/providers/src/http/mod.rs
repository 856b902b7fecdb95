//! An HTTP client for addresses that somebody configured: it resolves a name, checks every address, and connects to what
//! it has checked. It follows no redirects, reads no more than a named limit, and gives up at a deadline.
//!
//! - **H1** no byte goes to an address that its [`Reach`] does not allow, whatever a name resolves to, and when.
//! - **H2** nothing is sent in clear text but to this machine, unless that is allowed by name.
//! - **H3** a call ends at its deadline, and holds no more of an answer than its limit.

mod address;
mod base_url;
mod client;
mod connect;
mod retry_after;
mod tls;

pub use address::{AddressError, Class, Reach};
pub use base_url::BaseUrl;
pub use client::{HttpClient, HttpError, HttpResponse};
pub use connect::{Connecting, Resolve, SystemResolver};
pub use retry_after::retry_after_ms;
pub use tls::{Roots, tls};
