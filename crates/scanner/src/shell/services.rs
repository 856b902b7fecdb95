//! Clouds and services: clients whose verbs delete what runs elsewhere.

use super::words::Words;

/// Clients, and the verbs that only they mean destructively.
const CLIENTS: &[(&str, &[&str])] = &[
    ("aws", &["rm", "rb", "update-secret", "put-secret-value"]),
    ("gcloud", &[]),
    ("gsutil", &["rm", "rb"]),
    ("az", &[]),
    ("azcopy", &["rm"]),
    ("kubectl", &["drain", "taint", "cordon"]),
    ("oc", &["drain"]),
    ("helm", &["uninstall", "del", "rollback"]),
    ("terraform", &["taint", "force-unlock"]),
    ("tofu", &["taint"]),
    ("terragrunt", &["run-all"]),
    ("pulumi", &["cancel"]),
    ("cdk", &[]),
    ("serverless", &[]),
    ("sls", &[]),
    ("sam", &[]),
    ("eksctl", &[]),
    ("kops", &[]),
    ("doctl", &[]),
    ("linode-cli", &[]),
    ("hcloud", &[]),
    ("ibmcloud", &[]),
    ("oci", &[]),
    ("heroku", &["pg:reset", "apps:destroy", "addons:destroy", "maintenance:on", "config:unset"]),
    ("fly", &[]),
    ("flyctl", &[]),
    ("vercel", &["rm"]),
    ("netlify", &["sites:delete", "env:unset"]),
    ("firebase", &["firestore:delete", "hosting:disable", "functions:delete", "database:remove"]),
    ("wrangler", &[]),
    ("fastly", &[]),
    ("cloudflared", &[]),
    ("railway", &["down"]),
    ("supabase", &["reset"]),
    ("neonctl", &[]),
    ("pscale", &[]),
    ("turso", &[]),
    ("atlas", &[]),
    ("stripe", &["cancel", "roll", "void"]),
    ("twilio", &[]),
    ("ldcli", &["archive"]),
    ("flipt", &[]),
    ("unleash", &["archive"]),
    ("split", &["kill"]),
    ("doppler", &[]),
    ("vault", &["revoke", "seal"]),
    ("op", &["suspend", "archive"]),
    ("bw", &[]),
    ("infisical", &[]),
    ("consul", &["leave", "force-leave"]),
    ("nomad", &["stop", "gc"]),
    ("gh", &["archive"]),
    ("glab", &[]),
    ("circleci", &[]),
    ("bk", &[]),
    ("argocd", &[]),
    ("flux", &["uninstall"]),
    ("velero", &["uninstall"]),
    ("restic", &["forget", "cache", "unlock"]),
    ("splunk", &["clean"]),
    ("dog", &[]),
    ("square", &[]),
    ("kong", &[]),
    ("kustomize", &[]),
    ("salt", &[]),
    ("logcli", &[]),
    ("ssh-add", &[]),
    ("mongoatlas", &[]),
    ("influx", &[]),
    ("ceph", &[]),
    ("borg", &["compact", "break-lock"]),
    ("duplicity", &[]),
    ("kopia", &[]),
    ("bq", &[]),
    ("atmos", &[]),
    ("gitlab-runner", &["unregister"]),
    ("prefect", &[]),
    ("confluent", &[]),
    ("rpk", &[]),
    ("temporal", &["terminate"]),
    ("elasticsearch-keystore", &[]),
    ("meilisearch", &[]),
    ("scw", &[]),
    ("vultr-cli", &[]),
    ("civo", &[]),
    ("packer", &[]),
    ("rancher", &[]),
    ("k3d", &[]),
    ("kind", &[]),
    ("minikube", &[]),
    ("istioctl", &["uninstall"]),
    ("linkerd", &["uninstall"]),
    ("cilium", &["uninstall"]),
    ("keycloak", &[]),
    ("kcadm", &[]),
    ("auth0", &[]),
    ("okta", &["deactivate"]),
    ("snyk", &[]),
    ("rclone", &["purge", "sync", "dedupe", "cleanup", "deletefile", "rmdirs", "rmdir"]),
    ("mc", &["rb", "rm"]),
    ("s3cmd", &["del", "rb", "rm"]),
    ("s5cmd", &["rm", "rb"]),
    ("nats", &["rm", "del"]),
    ("rabbitmqctl", &["force_reset", "stop_app", "forget_cluster_node"]),
    ("rabbitmqadmin", &[]),
    ("pulsar-admin", &["unload"]),
    ("algolia", &[]),
    ("newrelic", &[]),
    ("datadog-ci", &[]),
    ("pd", &[]),
    ("sentry-cli", &[]),
    ("grafana-cli", &[]),
    ("apigeecli", &["undeploy"]),
    ("apigee", &[]),
    ("deck", &["sync"]),
    ("traefik", &[]),
    ("java", &["safe-shutdown", "quiet-down", "shutdown", "restart", "safe-restart"]),
    ("docker", &[]),
    ("podman", &[]),
    ("nerdctl", &[]),
    ("docker-compose", &[]),
    ("crictl", &["rmi", "rm"]),
    ("vagrant", &[]),
    ("virsh", &["undefine"]),
    ("nodetool", &["decommission", "removenode", "drain"]),
    ("pm2", &["kill"]),
    ("npm", &["unpublish", "deprecate"]),
    ("cargo", &["yank"]),
    ("gem", &["yank"]),
    ("launchctl", &["remove", "bootout"]),
];

/// Verbs that delete whatever the client, as words or as the beginning of one (`delete-bucket`).
const VERBS: [&str; 17] = [
    "delete",
    "destroy",
    "remove",
    "purge",
    "drop",
    "wipe",
    "nuke",
    "terminate",
    "deregister",
    "unpublish",
    "erase",
    "clear",
    "reset",
    "disable",
    "prune",
    "rm",
    "rb",
];
/// Verbs that do so only when joined to a noun by a hyphen or underscore.
const JOINED: [&str; 9] = [
    "batch-delete",
    "schedule-key-deletion",
    "revoke",
    "cancel",
    "stop",
    "detach",
    "flush",
    "release",
    "disassociate",
];
/// Options that make a client delete.
const OPTIONS: [&str; 7] =
    ["--remove", "--purge", "--destroy", "-destroy", "--replicas=0", "-auto-approve", "--auto-approve"];
/// Clients whose `rm`, `remove`, `prune` and `reset` are everyday work; see [`judge_containers`].
const CONTAINERS: [&str; 4] = ["docker", "podman", "nerdctl", "docker-compose"];
/// How many words may stand before the verb.
const VERB_WORDS_MAX: usize = 7;

/// The rule that the words break, if any.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    if CONTAINERS.contains(&words.program) {
        return judge_containers(words);
    }
    if words.program.starts_with("kafka-") {
        let deletes = words.options().any(|option| {
            ["--delete", "--remove", "--reset-offsets"].iter().any(|verb| option.starts_with(verb))
        });
        return (deletes || words.program.starts_with("kafka-delete")).then_some("service-delete");
    }
    if words.program.starts_with("ansible") {
        return words.arguments.iter().any(|word| word.contains("state=absent")).then_some("service-delete");
    }
    let (_, own) = CLIENTS.iter().find(|(name, _)| *name == words.program)?;
    let by_change = match words.program {
        "kubectl" | "oc" => {
            (words.has_long("--force") && words.arguments.contains(&"replace"))
                || (words.has_long("--prune") && words.arguments.contains(&"apply"))
        }
        "gsutil" => words.arguments.contains(&"rsync") && words.has_letter('d'),
        "aws" => {
            let none = |option| words.value_of(&[option]) == Some("0");
            words.arguments.iter().any(|word| word.contains("DELETE"))
                || none("--desired-count")
                || none("--desired-capacity")
        }
        "helm" => words.has_long("--force") && words.arguments.contains(&"upgrade"),
        _ => false,
    };
    let by_option = words.options().any(|option| OPTIONS.contains(&option) || option.starts_with("--delete"));
    let operands = words.operands();
    let by_verb = operands.iter().take(VERB_WORDS_MAX).any(|word| own.contains(word) || is_verb(word));
    (by_change || by_option || by_verb).then_some("service-delete")
}

fn is_verb(word: &str) -> bool {
    let last = word.rsplit(':').next().unwrap_or(word);
    let joins = |verb: &str| last.strip_prefix(verb).is_some_and(|rest| rest.starts_with(['-', '_']));
    VERBS.contains(&last)
        || VERBS.iter().chain(&JOINED).any(|verb| joins(verb))
        || JOINED[..2].contains(&last)
}

/// Containers come and go; volumes, forced removal and whole systems do not.
fn judge_containers(words: &Words<'_>) -> Option<&'static str> {
    let operands = words.operands();
    let at = |n: usize| operands.get(n).copied().unwrap_or_default();
    let forced = words.has_letter('f') || words.has_long("--force");
    let volumes = words.has_letter('v') || words.has_long("--volumes");
    let broken = match (at(0), at(1)) {
        ("rm" | "rmi" | "kill", _) | ("image" | "container", "rm") => forced,
        (_, "prune")
        | ("volume" | "network" | "stack" | "service" | "secret" | "config" | "machine", "rm" | "remove") => {
            true
        }
        ("compose", "down") => volumes,
        ("compose", "rm") => forced,
        ("down", _) => volumes || words.has_long("--rmi"),
        ("swarm", "leave") | ("pod", "rm") => forced,
        ("system", "reset") => true,
        _ => false,
    };
    broken.then_some("container-delete")
}
