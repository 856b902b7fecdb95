//! Domain names: RFC 1035, section 2.3.1, with a top-level label of letters or in Punycode.

/// Longest name: RFC 1035, section 2.3.4.
const NAME_BYTES_MAX: usize = 253;

/// Where the domain name ends that starts at `start`; `None` if there is none with at least two labels.
///
/// Cost bounded. A dot that ends a sentence is no part of the name.
pub(super) fn end(bytes: &[u8], start: usize) -> Option<usize> {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'.' | b'-');
    let mut length = bytes[start..].iter().take(NAME_BYTES_MAX).take_while(is_name).count();
    while length > 0 && matches!(bytes[start + length - 1], b'.' | b'-') {
        length -= 1;
    }
    let name = &bytes[start..start + length];
    let top = name.rsplit(|&byte| byte == b'.').next()?;
    let labels = name.split(|&byte| byte == b'.');
    let labelled = labels.clone().count() >= 2
        && labels.into_iter().all(|label| !label.is_empty() && !label.starts_with(b"-") && label.len() <= 63);
    let is_top = top.len() >= 2 && (top.iter().all(u8::is_ascii_alphabetic) || top.starts_with(b"xn--"));
    (labelled && is_top).then_some(start + length)
}
