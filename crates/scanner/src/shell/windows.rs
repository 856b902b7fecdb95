//! Windows: what its shells remove for good.
//!
//! Source: Microsoft's reference of Windows commands and of PowerShell 7.

use super::words::Words;

/// The rule that the words break, if any. Names and switches of Windows know no letter case.
pub(super) fn judge(words: &Words<'_>) -> Option<&'static str> {
    let program = words.program.to_ascii_lowercase();
    let given = |switch: &str| words.arguments.iter().any(|word| word.eq_ignore_ascii_case(switch));
    let shortened = |name: &str| {
        let cut = |word: &str| word.len() >= 3 && name.starts_with(&word.to_ascii_lowercase());
        words.arguments.iter().any(|word| cut(word))
    };
    let broken = match program.as_str() {
        "remove-item" | "ri" => shortened("-recurse") && shortened("-force"),
        "del" | "erase" => given("/s") && (given("/q") || given("/f")),
        "rd" | "rmdir" => given("/s"),
        "format-volume" | "clear-disk" | "remove-partition" | "initialize-disk" | "stop-computer"
        | "clear-eventlog" | "clear-recyclebin" => true,
        "vssadmin" | "reg" | "schtasks" | "sc" | "bcdedit" | "wmic" | "net" => {
            given("delete") || given("/delete")
        }
        "wevtutil" => given("cl") || given("clear-log"),
        "cipher" => words.arguments.iter().any(|word| word.to_ascii_lowercase().starts_with("/w")),
        "diskpart" => !words.arguments.is_empty(),
        _ => false,
    };
    broken.then_some("windows-destroy")
}
