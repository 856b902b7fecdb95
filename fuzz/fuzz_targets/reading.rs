//! See [`tidegate_fuzzing::reading::reading`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzzing::reading::reading(data));
