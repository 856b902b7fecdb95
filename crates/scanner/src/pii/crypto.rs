//! Addresses of wallets: Bitcoin (Base58Check, Bech32) and Ethereum.
//!
//! Source: BIP 13, BIP 173, BIP 350 (checksums); EIP-55 (form).

use sha2::{Digest, Sha256};
use tidegate_domain::assessment::Span;

use super::note;
use crate::finding::{Finding, Severity};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Longest address: Bech32.
const ADDRESS_BYTES_MAX: usize = 90;

/// Every address in `text`. Cost: each word is read once, and once more if it is 26..=90 bytes long.
pub(super) fn scan(text: &str, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let (start, end) = (at, at + run);
        at = end + 1;
        let apart = super::starts(bytes, start) && super::ends(bytes, end);
        if (26..=ADDRESS_BYTES_MAX).contains(&run) && apart && is_address(&bytes[start..end]) {
            note("CRYPTO", "crypto-address", Severity::Medium, Span { start, end }, found);
        }
    }
}

fn is_address(word: &[u8]) -> bool {
    match word[0] {
        b'1' | b'3' => (26..=35).contains(&word.len()) && is_base58(word),
        b'b' | b'B' => word[..3].eq_ignore_ascii_case(b"bc1") && is_bech32(&word.to_ascii_lowercase()),
        b'0' => word.len() == 42 && word[1] == b'x' && word[2..].iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

/// Twenty-one bytes and the first four of their double SHA-256.
fn is_base58(word: &[u8]) -> bool {
    let mut number = [0_u8; 25];
    for &letter in word {
        let Some(value) = BASE58.iter().position(|&known| known == letter) else { return false };
        let carry = number.iter_mut().rev().fold(value, |carry, byte| {
            let next = usize::from(*byte) * 58 + carry;
            *byte = (next % 256) as u8;
            next / 256
        });
        if carry > 0 {
            return false;
        }
    }
    Sha256::digest(Sha256::digest(&number[..21]))[..4] == number[21..]
}

/// The checksum of BIP 173, or that of BIP 350.
fn is_bech32(word: &[u8]) -> bool {
    let data = word[3..].iter().map(|&letter| BECH32.iter().position(|&known| known == letter));
    let Some(data) = data.collect::<Option<Vec<usize>>>() else { return false };
    // `bc`, expanded: high bits, zero, low bits.
    let all = [3, 3, 0, 2, 3].into_iter().chain(data);
    let check = all.fold(1_usize, |check, value| {
        const GENERATORS: [usize; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        let top = check >> 25;
        let next = (check & 0x01ff_ffff) << 5 ^ value;
        (0..5).filter(|bit| top >> bit & 1 == 1).fold(next, |next, bit| next ^ GENERATORS[bit])
    });
    matches!(check, 1 | 0x2bc8_30a3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_decide() {
        // The first block's address, and the examples of BIP 173 and 350.
        for word in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
        ] {
            assert!(is_address(word.as_bytes()), "{word}");
            assert!(!is_address(word.replace('a', "c").as_bytes()), "{word}");
        }
    }
}
