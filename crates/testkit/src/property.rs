//! Property tests of async code.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

/// Runs `test` on `cases` random values, each on a runtime of its own, and shrinks the first that panics.
///
/// `PROPTEST_CASES` in the environment takes the place of `cases`.
pub fn holds<S: Strategy<Value: Debug>>(cases: u32, values: S, test: impl AsyncFn(S::Value)) {
    let default = Config::default();
    let cases = if default.cases == 256 { cases } else { default.cases };
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..default });
    let outcome = runner.run(&values, |value| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test(value));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
