//! What destroys, and what only looks like it.

use super::*;
use proptest::prelude::*;

fn is_destructive(command: &str) -> bool {
    assess(command).is_destructive()
}

#[test]
fn destruction_is_seen_through_quotes_wrappers_and_substitutions() {
    for command in [
        "rm -rf /",
        "\\rm -r'f' \"$HOME\"",
        "sudo -u root -- rm -fr ./build",
        "FOO=1 env -u X BAR=2 nice -n 5 rm -rf x",
        "bash -lc 'cd x && rm -rf y'",
        "echo $(rm -rf x)",
        "echo \"`git reset --hard`\"",
        "cat <(git clean -fd)",
        "ssh -p 22 host 'rm -rf /srv'",
        "ls | xargs -n 1 rm -rf",
        "echo cm0gLXJmIC8= | base64 -d | sh",
        "find . -name '*.o' -delete",
        "find / -execdir rm -rf {} +",
        "sh <<EOF\nrm -rf /srv\nEOF",
        "dd if=x of=/dev/sda bs=1M",
        "cat x > /dev/nvme0n1",
        "git -C repo -c a=b push --force origin main",
        "psql -c 'DROP TABLE users'",
        "aws s3api delete-bucket --bucket b",
        "curl -sXDELETE https://api.example.org/v1/x || curl -X DELETE https://api.example.org/v1/x",
        "if true; then rm -rf x; fi",
        ":(){ :|:& };:",
    ] {
        assert!(is_destructive(command), "{command}");
    }
}

#[test]
fn what_is_only_said_or_temporary_is_not_destruction() {
    for command in [
        "echo 'rm -rf /'",
        "grep 'git reset --hard' notes",
        "cat <<'EOF'\nrm -rf /\nEOF",
        "git commit -m 'rm -rf /'",
        "rm -rf /tmp/x \"$TMPDIR/y\"",
        "rm -f a.txt",
        "git reset --soft HEAD~1",
        "git push --force-with-lease",
        "git restore --staged x",
        "kubectl delete pod x --dry-run=client",
        "man rm # rm -rf /",
        "docker rm web",
        "psql -c 'DELETE FROM t WHERE id = 1'",
        "curl https://api.example.org/v1/x",
    ] {
        assert!(!is_destructive(command), "{command}: {:?}", assess(command).rules);
    }
}

#[test]
fn nesting_beyond_the_limit_ends() {
    let deep = format!("{}rm -rf /{}", "$(".repeat(10_000), ")".repeat(10_000));
    assert!(!is_destructive(&format!("echo {deep}")));
    is_destructive(&"sudo ".repeat(10_000));
    is_destructive(&"`".repeat(10_001));
    is_destructive(&"\"$(".repeat(5_000));
    is_destructive(&"$((".repeat(5_000));
    is_destructive("`)-");
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[a-z$(){}'\"`\\\\<>|&;# \n=-]{0,60}") {
        assess(&text);
    }

    #[test]
    fn quoting_any_part_changes_nothing(at in 0_usize..6) {
        let name = "rm -rf";
        let quoted = format!("{}'{}'{}", &name[..0], &"rm"[..at.min(2)], &"rm"[at.min(2)..]);
        let command = format!("{quoted} -rf /srv");
        prop_assert!(is_destructive(&command));
    }
}

#[test]
fn destruction_is_seen_behind_other_spellings() {
    for command in [
        r"$'\x72m' -rf /srv",
        "rm${IFS}-rf${IFS}/srv",
        "x='rm -rf'; sudo $x /srv",
        "export R=rm && ${R} -rf /srv",
        "RM -rf /srv",
        "git -c alias.x='!rm -rf /srv' x",
        "trap 'git reset --hard' EXIT",
        "awk 'BEGIN { system(\"rm -rf /srv\") }'",
        "python3 -c \"import subprocess as s; s.run(['rm', '-rf', '/srv'])\"",
        "bash -c \"$(echo cm0gLXJmIC9zcnY= | base64 -d)\"",
        "cmd /c rd /s /q old",
        "powershell -Command 'Remove-Item old -Recurse -Force'",
    ] {
        assert!(is_destructive(command), "{command}");
    }
}

#[test]
fn destruction_is_seen_in_what_other_tools_run() {
    for command in [
        "poetry run rm -rf x",
        "doppler run --project a -- git reset --hard",
        "nix develop -c rm -rf x",
        "ip netns exec blue rm -rf x",
        "ansible all -m ansible.builtin.shell -a 'rm -rf /srv'",
        "ansible web -m file -a 'path=/srv state=absent'",
        "docker run --rm -v /srv:/x alpine rm -rf /x",
        "watch -n 5 'rm -rf x'",
        "fd -e log -x rm -rf",
        "xargs rm -rf < list",
        "at now <<< 'rm -rf x'",
        "ssh host rm -rf /tmp/x",
        "echo 'update delete a.example.org' | nsupdate",
    ] {
        assert!(is_destructive(command), "{command}");
    }
}

#[test]
fn destruction_is_seen_at_services() {
    for command in [
        "aws ecs update-service --desired-count 0 --service s",
        "kubectl apply --prune -f .",
        "helm upgrade --force a b",
        "gsutil rsync -d a gs://b",
        "kafka-topics.sh --delete --topic t",
        "curl -X POST https://api.example.org/v1/subscriptions/s/cancel",
        "bq rm -r -f d",
        "nvme format /dev/nvme0n1",
        "git submodule deinit --all",
    ] {
        assert!(is_destructive(command), "{command}");
    }
}

#[test]
fn what_has_no_target_or_only_reads_destroys_nothing() {
    for command in [
        "rm -rf",
        "rm -rf 2>/dev/null",
        "git checkout -qbfeature",
        "git switch -cfix",
        "scp -o User=x root@host:/root/x",
        "echo $(( rm -rf /x ))",
        "echo \"$'rm'\"",
        "x='rm -rf'; echo $x /srv",
        "awk 'BEGIN { print \"rm -rf /srv\" }'",
        "poetry run pytest",
        "rmdir empty",
        "reg query HKLM",
        "RM",
        "curl https://api.example.org/v1/canceled",
    ] {
        assert!(!is_destructive(command), "{command}: {:?}", assess(command).rules);
    }
}
