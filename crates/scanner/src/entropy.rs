//! Entropy and placeholders: what tells a random value from a word, a counter or an example.

/// Shannon entropy of the bytes of `value`, in bits a byte: 0 for one repeated byte, at most 8.
///
/// Cost O(bytes). Source: Shannon (1948), A Mathematical Theory of Communication, section 6.
pub(crate) fn bits_per_byte(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let length = value.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let share = f64::from(count) / length;
            -share * share.log2()
        })
        .sum()
}

/// Runs that only documentation and test data have.
const EXAMPLES: [&str; 11] = [
    "example",
    "placeholder",
    "xxxxxx",
    "123456789",
    "abcdefgh",
    "changeme",
    "your_",
    "your-",
    "insert_",
    "redacted",
    "******",
];

/// Whether `value` says of itself that it stands for another one. Cost O(bytes), one copy.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    EXAMPLES.iter().any(|example| lower.contains(example))
}

/// Whether `value` mixes letters and digits, as random values do.
pub(crate) fn is_mixed(value: &[u8]) -> bool {
    value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_zero_for_one_letter_and_log_of_the_alphabet_for_all_of_it() {
        assert_eq!(bits_per_byte(b"aaaa"), 0.0);
        assert!((bits_per_byte(b"0123456789abcdef") - 4.0).abs() < 1e-9);
        assert_eq!(bits_per_byte(b""), 0.0);
    }

    #[test]
    fn examples_of_manuals_are_placeholders() {
        assert!(is_placeholder("wJalrEXAMPLEKEY") && is_placeholder("your_api_key"));
        assert!(!is_placeholder("k3J9dPq0"));
    }
}
