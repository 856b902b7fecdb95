//! Disks, file systems, accounts and the machine itself.

use super::{files, words::Words};

/// Programs that destroy by being run with an argument.
const DESTROYERS: [&str; 18] = [
    "sfdisk",
    "vgreduce",
    "zerofree",
    "mkfs",
    "mke2fs",
    "mkswap",
    "wipefs",
    "blkdiscard",
    "lvremove",
    "vgremove",
    "pvremove",
    "userdel",
    "deluser",
    "groupdel",
    "delgroup",
    "dropuser",
    "dropdb",
    "format",
];

/// The rule that the words break, if any.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    let first = words.operands().first().copied().unwrap_or_default();
    let has = |word: &str| words.arguments.contains(&word);
    let broken = match words.program {
        "dd" => words.arguments.iter().any(|word| word.strip_prefix("of=").is_some_and(is_disk)),
        "hdparm" => words.options().any(|option| option.starts_with("--security-erase")),
        "nvme" => matches!(first, "format" | "sanitize" | "delete-ns"),
        "badblocks" => words.has_letter('w'),
        "dmsetup" => first.starts_with("remove") || first.starts_with("wipe"),
        "lvm" => words.operands().iter().any(|verb| verb.ends_with("remove") || *verb == "lvreduce"),
        "setfacl" => words.has_letter('R') && words.operands().iter().any(|path| files::is_broad(path)),
        "fdisk" => !words.has_letter('l') && !words.arguments.is_empty(),
        "lvresize" => words.value_of(&["-L", "-l", "--size"]).is_some_and(|size| size.starts_with('-')),
        "lvreduce" => !words.arguments.is_empty(),
        "apt" | "apt-get" | "yum" | "dnf" | "zypper" => {
            matches!(first, "purge" | "remove" | "autoremove" | "erase")
        }
        "ssh-add" => words.has_letter('D'),
        "sgdisk" => words.has_letter('Z') || words.has_letter('o') || words.has_long("--zap-all"),
        "parted" => has("rm") || has("mklabel"),
        "zpool" | "zfs" => matches!(first, "destroy" | "rollback" | "labelclear"),
        "btrfs" => has("delete") || (first == "device" && has("remove")),
        "mdadm" => ["--zero-superblock", "--stop", "--fail", "--remove"].iter().any(|o| words.has_long(o)),
        "cryptsetup" => matches!(first, "luksFormat" | "erase" | "luksErase"),
        "diskutil" => first.starts_with("erase") || first == "partitionDisk",
        "iptables" | "ip6tables" => words.has_letter('F') || words.has_long("--flush"),
        "nft" => has("flush"),
        "ufw" => matches!(first, "reset" | "disable"),
        "shutdown" | "reboot" | "halt" | "poweroff" => !words.has_letter('c'),
        "init" | "telinit" => matches!(first, "0" | "6"),
        "systemctl" => words.operands().iter().take(1).any(|verb| {
            matches!(*verb, "stop" | "disable" | "mask" | "kill" | "isolate" | "poweroff" | "reboot" | "halt")
        }),
        "service" => words.operands().get(1) == Some(&"stop"),
        "nginx" => matches!(words.value_of(&["-s"]), Some("stop" | "quit")),
        "haproxy" => words.has_long("-sf") || words.has_long("-st"),
        "kill" => has("-1") && words.arguments.len() > 1,
        program => {
            (DESTROYERS.contains(&program) || program.starts_with("mkfs.")) && !words.arguments.is_empty()
        }
    };
    broken.then_some("system-destroy")
}

/// A device that holds data: not the null device, a terminal or a source of random bytes.
pub(super) fn is_disk(path: &str) -> bool {
    const DISKS: [&str; 8] = [
        "/dev/sd",
        "/dev/hd",
        "/dev/nvme",
        "/dev/vd",
        "/dev/xvd",
        "/dev/mmcblk",
        "/dev/disk",
        "/dev/mapper/",
    ];
    DISKS.iter().any(|disk| path.starts_with(disk))
}
