//! Private keys in PEM (RFC 7468) and OpenPGP armour (RFC 9580).

use tidegate_domain::assessment::Span;

pub(super) const KEYS: &[&str] = &["-----begin "];

/// Longest label after BEGIN: `RSA PRIVATE KEY`, `PGP PRIVATE KEY BLOCK`, …
const LABEL_BYTES_MAX: usize = 60;
/// Longest block that is looked for an end.
const BLOCK_BYTES_MAX: usize = 32_768;
/// A shorter block is an example in prose.
const BODY_BYTES_MIN: usize = 40;

/// The private key that begins at `start`; `from` is where the last one ended.
///
/// Cost: from one row of dashes to the next, so that all blocks of a text are read once.
pub(super) fn find(text: &str, start: usize, from: usize) -> Option<Span> {
    if start < from {
        return None;
    }
    let label_start = start + "-----begin ".len();
    let label_end = text.floor_char_boundary(text.len().min(label_start + LABEL_BYTES_MAX));
    let label = text.get(label_start..label_end)?;
    let close = label.find("-----")?;
    if !label[..close].to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let body = label_start + close + DASHES.len();
    let reach = text.floor_char_boundary(text.len().min(body + BLOCK_BYTES_MAX));
    let block = &text[body..reach];
    let length =
        block.find(DASHES).unwrap_or_else(|| block.bytes().take_while(|&byte| is_body(byte)).count());
    if length < BODY_BYTES_MIN {
        return None;
    }
    let end = body + length;
    let tail = text.get(end..text.floor_char_boundary(text.len().min(end + LABEL_BYTES_MAX)))?;
    let footer = tail.strip_prefix("-----END").and_then(|rest| rest.find(DASHES));
    Some(Span { start, end: end + footer.map_or(0, |at| at + 2 * DASHES.len() + 3) })
}

const DASHES: &str = "-----";

/// What a block that was cut off may consist of: base64, armour headers, line ends that were escaped.
fn is_body(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || byte.is_ascii_alphanumeric()
        || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b'-' | b':' | b'.' | b',' | b'"' | b'\'')
}
