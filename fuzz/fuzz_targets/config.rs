//! See [`tidegate_fuzzing::config::config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzzing::config::config(data));
