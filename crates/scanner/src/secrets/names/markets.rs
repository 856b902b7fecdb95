//! Money: exchanges, banks, shops.

use super::UUID;
use crate::secrets::rule::{Rule, assigned};

pub(super) const RULES: &[Rule] = &[
    assigned("adobe-client-id", &["adobe"], r"(?i-u:[a-f0-9]{32})", 2.0).medium(),
    assigned("bittrex-key", &["bittrex"], r"(?i-u:[a-z0-9]{32})", 2.5),
    assigned("coinbase-access-token", &["coinbase"], r"(?i-u:[a-z0-9_-]{64})", 2.5),
    assigned("etsy-access-token", &["etsy"], r"(?i-u:[a-z0-9]{24})", 3.0),
    assigned("finicity-api-token", &["finicity"], r"(?i-u:[a-f0-9]{32})", 2.0),
    assigned("finicity-client-secret", &["finicity"], r"(?i-u:[a-z0-9]{20})", 2.5),
    assigned("finnhub-access-token", &["finnhub"], r"(?i-u:[a-z0-9]{20})", 2.5),
    assigned("freemius-secret-key", &["secret_key"], r"sk_[^\s'\x22\x80-\xff]{29}", 3.5),
    assigned("freshbooks-access-token", &["freshbooks"], r"(?i-u:[a-z0-9]{64})", 2.5),
    assigned("gocardless-api-token", &["gocardless"], r"(?i-u:live_[a-z0-9_=-]{40})", 2.5),
    assigned("kraken-access-token", &["kraken"], r"(?i-u:[a-z0-9/=_+-]{80,90})", 3.0),
    assigned("kucoin-access-token", &["kucoin"], r"(?i-u:[a-f0-9]{24})", 2.5),
    assigned("kucoin-secret-key", &["kucoin"], UUID, 2.0),
    assigned("lob-api-key", &["lob"], r"(?i-u:(?:live|test)_[a-f0-9]{35})", 2.0),
    assigned("lob-public-key", &["lob"], r"(?i-u:(?:live|test)_pub_[a-f0-9]{31})", 2.0).low(),
    assigned("plaid-client-id", &["plaid"], r"(?i-u:[a-z0-9]{24})", 3.0).medium(),
    assigned("plaid-secret-key", &["plaid"], r"(?i-u:[a-z0-9]{30})", 3.0),
    assigned("squarespace-access-token", &["squarespace"], UUID, 2.0),
];
