//! Secrets put together from parts by a seed: no key that looks real stands in the source.

const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: &[u8] = b"0123456789";

/// A generator of letters: SplitMix64.
struct Letters(u64);

impl Letters {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn of(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet[self.next() as usize % alphabet.len()])).collect()
    }
}

/// Main providers' keys: the rule that must find each, and the key.
pub(crate) fn secrets(seed: u64) -> Vec<(&'static str, String)> {
    let mut letters = Letters(seed);
    let mut of = |alphabet: &[u8], count| letters.of(alphabet, count);
    vec![
        ("github-pat", format!("ghp_{}", of(ALNUM, 36))),
        ("github-fine-grained-pat", format!("github_pat_{}", of(ALNUM, 82))),
        ("gitlab-pat", format!("glpat-{}", of(ALNUM, 20))),
        ("openai-api-key", format!("sk-{}T3BlbkFJ{}", of(ALNUM, 20), of(ALNUM, 20))),
        ("anthropic-api-key", format!("sk-ant-api03-{}AA", of(ALNUM, 93))),
        ("aws-access-key-id", format!("AKIA{}", of(BASE32, 16))),
        ("slack-bot-token", format!("xoxb-{}-{}-{}", of(DIGITS, 12), of(DIGITS, 12), of(ALNUM, 24))),
        (
            "slack-webhook-url",
            format!("hooks.slack.com/services/T{}/B{}/{}", of(ALNUM, 9), of(ALNUM, 9), of(ALNUM, 24)),
        ),
        ("stripe-secret-key", format!("sk_live_{}", of(ALNUM, 24))),
        ("gcp-api-key", format!("AIza{}", of(ALNUM, 35))),
        ("huggingface-access-token", format!("hf_{}", of(ALNUM, 34))),
        ("npm-access-token", format!("npm_{}", of(ALNUM, 36))),
        ("jwt", format!("eyJ{}.eyJ{}.{}", of(ALNUM, 30), of(ALNUM, 40), of(ALNUM, 43))),
        (
            "private-key",
            format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", of(ALNUM, 64)),
        ),
        ("basic-auth-url", format!("postgres://app:{}@db.internal/x", of(HEX, 16))),
    ]
}
