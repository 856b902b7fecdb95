//! Kinds of the detect-secrets vectors, as rules of ours.

use std::net::Ipv4Addr;

use crate::{Finding, Kind};

/// Their kind, beginnings of the names of our rules.
const ALIASES: &[(&str, &[&str])] = &[
    ("artifactory", &["artifactory-"]),
    ("aws_key", &["aws-"]),
    ("azure_storage_key", &["azure-storage-key"]),
    ("basic_auth", &["basic-auth-url"]),
    ("cloudant", &["cloudant-password", "basic-auth-url"]),
    ("discord", &["discord-bot-token"]),
    ("github_token", &["github-"]),
    ("gitlab_token", &["gitlab-"]),
    ("high_entropy_strings", &["generic-secret"]),
    ("ibm_cloud_iam", &["ibm-cloud-iam-key"]),
    ("ibm_cos_hmac", &["ibm-cos-hmac-key"]),
    ("jwt", &["jwt"]),
    ("mailchimp_key", &["mailchimp-api-key"]),
    ("npm", &["npm-"]),
    ("openai", &["openai-"]),
    ("pypi_token", &["pypi-upload-token"]),
    ("sendgrid", &["sendgrid-api-token"]),
    ("softlayer", &["softlayer-"]),
    ("stripe_key", &["stripe-secret-key"]),
    ("twilio", &["twilio-"]),
];

/// Whether `finding` in `text` is what detect-secrets calls `kind`, for example `github_token`.
///
/// Their `ip_public` is an IPv4 address that is not private, local or reserved.
pub fn detect_secrets_kind(finding: &Finding, text: &str, kind: &str) -> bool {
    if kind == "ip_public" {
        return finding.entity == "IP_ADDRESS" && is_public(&text[finding.span.start..finding.span.end]);
    }
    let rules = ALIASES.iter().find(|(theirs, _)| *theirs == kind).map_or(&[][..], |(_, ours)| *ours);
    finding.kind == Kind::Secret && rules.iter().any(|rule| finding.rule.starts_with(rule))
}

fn is_public(address: &str) -> bool {
    address.parse::<Ipv4Addr>().is_ok_and(|ip| {
        !(ip.is_private()
            || ip.is_loopback()
            || ip.is_link_local()
            || ip.is_unspecified()
            || ip.is_broadcast())
    })
}
