//! What runs, watches and guards servers.

use crate::secrets::rule::{Rule, token};

pub(super) const RULES: &[Rule] = &[
    token("vault-batch-token", &["hvb."], r"hvb\.[A-Za-z0-9_-]{138,300}", 3.5),
    token("vault-service-token", &["hvs."], r"hvs\.[A-Za-z0-9_-]{90,120}", 3.5),
    token("vault-legacy-token", &["s."], r"s\.[A-Za-z0-9]{24}", 3.5).with_digit(),
    token("doppler-api-token", &["dp."], r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.]{40,60}", 2.0),
    token("openshift-user-token", &["sha256~"], r"sha256~[A-Za-z0-9_-]{43}", 3.5),
    token(
        "age-secret-key",
        &["AGE-SECRET-KEY-1"],
        r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
        0.0,
    ),
    token(
        "1password-secret-key",
        &["A3-"],
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        3.5,
    ),
    token("1password-service-account-token", &["ops_eyJ"], r"ops_eyJ[A-Za-z0-9+/]{250}", 4.0).open(),
    token("dynatrace-api-token", &["dt0c01."], r"(?i-u:dt0c01\.[a-z0-9]{24}\.[a-z0-9]{64})", 3.5),
    token("grafana-api-key", &["eyJrIjoi"], r"(?i-u:eyJrIjoi[a-z0-9]{70,400}={0,3})", 3.0),
    token("grafana-cloud-token", &["glc_"], r"(?i-u:glc_[a-z0-9+/]{32,400}={0,3})", 3.0).with_digit(),
    token("grafana-service-account-token", &["glsa_"], r"(?i-u:glsa_[a-z0-9]{32}_[a-f0-9]{8})", 3.0),
    token("new-relic-browser-token", &["NRJS-"], r"(?i-u:NRJS-[a-f0-9]{19})", 2.0).medium(),
    token("new-relic-insert-key", &["NRII-"], r"(?i-u:NRII-[a-z0-9-]{32})", 2.0),
    token("new-relic-user-key", &["NRAK-", "NRAA-", "NRRA-"], r"(?i-u:NR(?:AK|AA|RA)-[a-z0-9]{27,42})", 2.0),
    token(
        "sentry-org-token",
        &["sntrys_eyJpYXQiO"],
        r"sntrys_eyJpYXQiO[A-Za-z0-9+/]{20,300}(?:LCJyZWdpb25fdXJs|InJlZ2lvbl91cmwi|cmVnaW9uX3VybCI6)[A-Za-z0-9+/]{10,300}={0,2}_[A-Za-z0-9+/]{43}",
        4.0,
    ),
    token("sentry-user-token", &["sntryu_"], r"sntryu_[a-f0-9]{64}", 3.0),
    token(
        "launchdarkly-key",
        &["api-", "sdk-", "mob-"],
        r"(?:api|sdk|mob)-[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}",
        3.0,
    ),
    token("heroku-api-key", &["HRKU-"], r"HRKU-AA[A-Za-z0-9_-]{58}", 4.0),
    token(
        "flyio-access-token",
        &["fo1_", "fm1a_", "fm1r_", "fm2_"],
        r"(?:fo1_[A-Za-z0-9_-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{100,300}={0,3})",
        4.0,
    )
    .open(),
    token("scalingo-api-token", &["tk-us-"], r"tk-us-[A-Za-z0-9_-]{48}", 2.0),
    token("defined-networking-token", &["dnkey-"], r"(?i-u:dnkey-[a-z0-9=_-]{26}-[a-z0-9=_-]{52})", 3.0),
    token(
        "authress-service-key",
        &["sc_", "ext_", "scauth_", "authress_"],
        r"(?i-u:(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[a-z0-9+/_=-]{30,120})",
        2.0,
    ),
    token("maxmind-license-key", &["_mmk"], r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", 4.0).lead(36),
    token("mapbox-api-token", &["pk.", "sk."], r"(?i-u:[ps]k\.[a-z0-9]{60,90}\.[a-z0-9_-]{22})", 3.5),
    token(
        "tailscale-key",
        &["tskey-"],
        r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{10,20}-[A-Za-z0-9]{20,40}",
        3.0,
    ),
    token("netlify-token", &["nfp_"], r"nfp_[A-Za-z0-9]{36}", 3.0),
    token(
        "cloudinary-url",
        &["cloudinary://"],
        r"cloudinary://[0-9]{12,18}:[A-Za-z0-9_-]{20,40}@[a-z0-9_-]{1,40}",
        3.0,
    ),
];
