//! Payment cards: a known issuer's prefix, its length, and the Luhn check digit.
//!
//! Source: ISO/IEC 7812-1, annex B (Luhn); the issuers' published ranges.

/// Whether these digits are a card's. `digits`: 12..=19 values 0..=9.
pub(super) fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && is_luhn(digits) && digits.iter().any(|&digit| digit != digits[0])
}

/// Luhn: doubling every second digit from the right, the sum of all digits is a multiple of ten.
pub(super) fn is_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| match (at % 2, u32::from(digit)) {
            (0, digit) => digit,
            (_, digit) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_issued(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits[..length].iter().fold(0_u32, |n, &digit| n * 10 + u32::from(digit));
    match (prefix(1), prefix(2), prefix(3), prefix(4), digits.len()) {
        (_, _, _, 2131 | 1800, 15) => true,
        (1, .., 15) => true, // UATP
        (_, _, _, 2221..=2720, 16) => true,
        (_, 34 | 37, _, _, 15) => true,
        (_, 36 | 38 | 39, _, _, 14..=19) | (_, _, 300..=305 | 309, _, 14..=19) => true,
        (_, _, _, 3528..=3589, 16..=19) => true,
        (4, _, _, _, 13 | 16 | 19) => true,
        (_, 51..=55, _, _, 16) => true,
        (_, 50 | 56..=58, _, _, 12..=19) => true,
        (_, _, _, 6011, 16..=19) | (_, 65, _, _, 16..=19) | (_, _, 644..=649, _, 16..=19) => true,
        (6, _, _, _, 16..=19) | (_, 63 | 67, _, _, 12..=19) | (_, 81, _, _, 16..=19) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_wrong_digit_is_seen(body in prop::collection::vec(0_u8..10, 14), at in 0_usize..16, by in 1_u8..10) {
            let mut digits = [vec![4], body].concat();
            let check = (0..10).find(|&c| is_luhn(&[digits.clone(), vec![c]].concat())).unwrap();
            digits.push(check);
            prop_assert!(is_card(&digits));
            digits[at] = (digits[at] + by) % 10;
            prop_assert!(!is_luhn(&digits));
        }
    }
}
