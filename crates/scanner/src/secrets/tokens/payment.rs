//! Payment, shops and shipping.

use crate::secrets::rule::{Rule, token};

pub(super) const RULES: &[Rule] = &[
    token("stripe-secret-key", &["sk_", "rk_"], r"[sr]k_(?:test|live|prod)_[A-Za-z0-9]{10,150}", 2.0),
    token("stripe-webhook-secret", &["whsec_"], r"whsec_[A-Za-z0-9+/]{32,64}={0,2}", 3.0),
    token(
        "square-access-token",
        &["EAAA", "sq0atp-", "sq0csp-"],
        r"(?:EAAA|sq0(?:atp|csp)-)[A-Za-z0-9_-]{22,60}",
        2.0,
    ),
    token("shopify-access-token", &["shpat_"], r"shpat_[a-fA-F0-9]{32}", 2.0),
    token("shopify-custom-access-token", &["shpca_"], r"shpca_[a-fA-F0-9]{32}", 2.0),
    token("shopify-private-app-token", &["shppa_"], r"shppa_[a-fA-F0-9]{32}", 2.0),
    token("shopify-shared-secret", &["shpss_"], r"shpss_[a-fA-F0-9]{32}", 2.0),
    token(
        "braintree-access-token",
        &["access_token$"],
        r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}",
        2.0,
    ),
    token(
        "plaid-access-token",
        &["access-sandbox-", "access-development-", "access-production-"],
        r"(?i-u:access-(?:sandbox|development|production)-[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12})",
        2.0,
    ),
    token("flutterwave-public-key", &["FLWPUBK"], r"(?i-u:FLWPUBK(?:_TEST)?-[a-h0-9]{32}-X)", 2.0).low(),
    token("flutterwave-secret-key", &["FLWSECK"], r"(?i-u:FLWSECK(?:_TEST)?-[a-h0-9]{32}-X)", 2.0),
    token("flutterwave-encryption-key", &["FLWSECK"], r"(?i-u:FLWSECK(?:_TEST)?-?[a-h0-9]{12})", 2.0),
    token("duffel-api-token", &["duffel_"], r"(?i-u:duffel_(?:test|live)_[a-z0-9_=-]{43})", 2.0),
    token("easypost-api-token", &["EZAK"], r"EZAK[A-Za-z0-9]{54}", 3.0),
    token("easypost-test-token", &["EZTK"], r"EZTK[A-Za-z0-9]{54}", 3.0),
    token("shippo-api-token", &["shippo_"], r"shippo_(?:live|test)_[a-fA-F0-9]{40}", 2.0),
    token("lob-public-key", &["test_pub_", "live_pub_"], r"(?:live|test)_pub_[a-f0-9]{31}", 2.0).low(),
    token("adobe-client-secret", &["p8e-"], r"(?i-u:p8e-[a-z0-9]{32})", 2.0),
    token("intra42-client-secret", &["s-s4t2"], r"s-s4t2(?:ud|af)-[a-f0-9]{64}", 3.0),
];
