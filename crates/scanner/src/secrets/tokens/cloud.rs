//! Clouds and their access keys.

use crate::secrets::rule::{Rule, token};

pub(super) const RULES: &[Rule] = &[
    token(
        "aws-access-key-id",
        &["A3T", "AKIA", "ASIA", "ABIA", "ACCA"],
        r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",
        0.9,
    ),
    token("aws-bedrock-long-lived-key", &["ABSK"], r"ABSK[A-Za-z0-9+/]{109,269}={0,2}", 3.0),
    token(
        "aws-bedrock-short-lived-key",
        &["bedrock-api-key-"],
        r"bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t",
        3.0,
    )
    .open(),
    token(
        "aws-mws-token",
        &["amzn.mws."],
        r"amzn\.mws\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        3.0,
    ),
    token("azure-ad-client-secret", &["Q~"], r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}", 3.0).lead(4),
    token("azure-storage-key", &["AccountKey="], r"AccountKey=[A-Za-z0-9+/]{86}==", 3.5),
    token("azure-shared-access-signature", &["sig="], r"sig=[A-Za-z0-9%]{43,53}%3[dD]", 3.5),
    token("alibaba-access-key-id", &["LTAI"], r"LTAI[A-Za-z0-9]{12,20}", 2.0).with_digit(),
    token("digitalocean-oauth-token", &["doo_v1_"], r"doo_v1_[a-f0-9]{64}", 3.0),
    token("digitalocean-pat", &["dop_v1_"], r"dop_v1_[a-f0-9]{64}", 3.0),
    token("digitalocean-refresh-token", &["dor_v1_"], r"(?i-u:dor_v1_[a-f0-9]{64})", 3.0),
    token("gcp-api-key", &["AIza"], r"AIza[A-Za-z0-9_-]{35}", 3.5).with_samples(),
    token("gcp-oauth-client-secret", &["GOCSPX-"], r"GOCSPX-[A-Za-z0-9_-]{28}", 3.5),
    token("gcp-oauth-access-token", &["ya29."], r"ya29\.[A-Za-z0-9_-]{30}", 3.5).open(),
    token(
        "oci-session-token",
        &["ocid1."],
        r"ocid1\.(?:credential|sessiontoken)\.oc1\.[a-z0-9-]{0,30}\.[a-z0-9]{40,80}",
        3.0,
    ),
    token("tencent-secret-id", &["AKID"], r"AKID[A-Za-z0-9]{32}", 3.5),
    token("yandex-access-token", &["t1."], r"t1\.[A-Za-z0-9_-]{1,40}={0,2}\.[A-Za-z0-9_-]{86}={0,2}", 3.0),
    token("yandex-api-key", &["AQVN"], r"AQVN[A-Za-z0-9_-]{35,38}", 3.0),
    token("yandex-aws-access-token", &["YC"], r"YC[A-Za-z0-9_-]{38}", 3.5).with_digit(),
    token("cloudflare-origin-ca-key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}", 2.0),
    token("clickhouse-cloud-secret-key", &["4b1d"], r"4b1d[A-Za-z0-9]{38}", 3.0),
    token("databricks-api-token", &["dapi"], r"dapi[a-f0-9]{32}(?:-[0-9])?", 3.0),
    token("snowflake-pat", &["pat_sf_"], r"pat_sf_[A-Za-z0-9_-]{40,100}", 3.0),
    token(
        "supabase-token",
        &["sbp_", "sb_secret_"],
        r"(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{31})",
        3.0,
    ),
    token("planetscale-api-token", &["pscale_tkn_"], r"(?i-u:pscale_tkn_[a-z0-9_=.-]{32,64})", 3.0),
    token("planetscale-oauth-token", &["pscale_oauth_"], r"(?i-u:pscale_oauth_[a-z0-9_=.-]{32,64})", 3.0),
    token("planetscale-password", &["pscale_pw_"], r"(?i-u:pscale_pw_[a-z0-9_=.-]{32,64})", 3.0),
    token(
        "softlayer-soap-key",
        &["softlayer.com/soap/v3"],
        r"softlayer\.com/soap/v3(?:\.1)?/[a-z0-9]{64}",
        3.0,
    ),
];
