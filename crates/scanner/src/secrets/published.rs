//! Keys that their owners have published: samples of an SDK are no leak, whoever writes them.
//!
//! Kept as digests, so that the source holds no key: the first eight bytes of SHA-256, in order.
//!
//! Source: the sample projects of firebase-android-sdk, as the allow list of gitleaks' rule `gcp-api-key` names
//! them.

use sha2::{Digest as _, Sha256};

const DIGESTS: [u64; 15] = [
    0x2037_abca_ffb2_b777,
    0x27a9_a429_31df_f7eb,
    0x37f8_f09b_df12_c2f2,
    0x3a8b_61d0_f636_b007,
    0x3f37_0c9d_d822_5c63,
    0x49f7_77db_995e_8260,
    0x4c98_242d_cadc_8b29,
    0x8731_261c_b72d_8626,
    0xa19f_89ab_3555_eac1,
    0xa6c8_14bc_555a_e62c,
    0xdc0f_cf04_6c61_640c,
    0xe4a5_542b_b7fd_7b67,
    0xea9b_b108_2cf9_5663,
    0xeb54_0d2b_6ee2_a0a4,
    0xf56e_3234_94a6_ffc2,
];

/// Whether `key` is one of them. Cost: one hash of `key`; asked only once a format matches.
pub(super) fn is_published(key: &[u8]) -> bool {
    let digest = Sha256::digest(key);
    let head = digest.iter().take(8).fold(0_u64, |head, &byte| head << 8 | u64::from(byte));
    DIGESTS.binary_search(&head).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_published_and_its_neighbour_is_not() {
        assert!(DIGESTS.is_sorted());
        let sample = ["AIza", "Syabcdefghijklmnopqrstuvwxyz", "1234567"].concat();
        assert!(is_published(sample.as_bytes()));
        assert!(!is_published(sample.replace('7', "8").as_bytes()));
    }
}
