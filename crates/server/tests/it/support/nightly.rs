//! How long a test may take: seconds in every run, more where a person or a schedule asks for it.

/// The number in the environment variable `name`, or `usual`. `make nightly` sets them.
#[expect(clippy::disallowed_methods, reason = "tests ask how thorough they are to be")]
pub(crate) fn count(name: &str, usual: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return usual };
    text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}"))
}
