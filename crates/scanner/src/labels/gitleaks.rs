//! Kinds of the gitleaks vectors, as rules of ours.

use crate::{Finding, Kind};

/// Their kind, our rules; a kind that is not listed has a rule of the same name.
const ALIASES: &[(&str, &[&str])] = &[
    ("airtable-personnal-access-token", &["airtable-personal-access-token"]),
    ("anthropic-admin-api-key", &["anthropic-admin-key"]),
    ("artifactory-api-key", &["artifactory-api-key", "artifactory-token"]),
    ("atlassian-api-token", &["atlassian-api-token", "atlassian-legacy-token"]),
    ("authress-service-client-access-key", &["authress-service-key"]),
    ("aws-access-token", &["aws-access-key-id"]),
    ("aws-amazon-bedrock-api-key-long-lived", &["aws-bedrock-long-lived-key"]),
    ("aws-amazon-bedrock-api-key-short-lived", &["aws-bedrock-short-lived-key"]),
    ("bittrex-access-key", &["bittrex-key"]),
    ("bittrex-secret-key", &["bittrex-key"]),
    ("clickhouse-cloud-api-secret-key", &["clickhouse-cloud-secret-key"]),
    ("contentful-delivery-api-token", &["contentful-api-token"]),
    ("defined-networking-api-token", &["defined-networking-token"]),
    ("digitalocean-access-token", &["digitalocean-oauth-token"]),
    ("dropbox-api-token", &["dropbox-api-secret"]),
    ("easypost-test-api-token", &["easypost-test-token"]),
    ("github-oauth", &["github-oauth-token"]),
    ("gitlab-cicd-job-token", &["gitlab-ci-job-token"]),
    ("gitlab-ptt", &["gitlab-pipeline-trigger-token"]),
    ("gitlab-rrt", &["gitlab-runner-registration-token"]),
    ("gitlab-runner-authentication-token", &["gitlab-runner-token"]),
    ("gitlab-runner-authentication-token-routable", &["gitlab-runner-token-routable"]),
    ("grafana-cloud-api-token", &["grafana-cloud-token"]),
    ("hashicorp-tf-api-token", &["hashicorp-terraform-token"]),
    ("heroku-api-key", &["heroku-api-key-legacy"]),
    ("heroku-api-key-v2", &["heroku-api-key"]),
    ("huggingface-organization-api-token", &["huggingface-organization-token"]),
    ("lob-pub-api-key", &["lob-public-key"]),
    ("mailgun-private-api-token", &["mailgun-private-key"]),
    ("mailgun-pub-key", &["mailgun-public-key"]),
    ("new-relic-browser-api-token", &["new-relic-browser-token"]),
    ("new-relic-user-api-key", &["new-relic-user-key"]),
    ("plaid-api-token", &["plaid-access-token"]),
    ("settlemint-application-access-token", &["settlemint-application-token"]),
    ("settlemint-personal-access-token", &["settlemint-personal-token"]),
    ("settlemint-service-access-token", &["settlemint-service-token"]),
    ("shopify-private-app-access-token", &["shopify-private-app-token"]),
    ("sidekiq-sensitive-url", &["basic-auth-url"]),
    ("slack-legacy-token", &["slack-legacy-token"]),
    ("sonar-api-token", &["sonar-api-token", "sonar-login-token"]),
    ("sourcegraph-access-token", &["sourcegraph-access-token", "sourcegraph-legacy-token"]),
    ("stripe-access-token", &["stripe-secret-key"]),
    ("telegram-bot-api-token", &["telegram-bot-api-token", "telegram-bot-token"]),
    ("vault-service-token", &["vault-service-token", "vault-legacy-token"]),
];

/// Whether `finding` is what gitleaks calls `kind`, for example `github-pat`.
///
/// Their `generic-api-key` is any secret: a rule that also names the provider is right, and no less an alarm.
pub fn gitleaks_kind(finding: &Finding, kind: &str) -> bool {
    let own = [kind];
    let rules = ALIASES.iter().find(|(theirs, _)| *theirs == kind).map_or(&own[..], |(_, ours)| *ours);
    finding.kind == Kind::Secret && (kind == "generic-api-key" || rules.contains(&finding.rule.as_ref()))
}
