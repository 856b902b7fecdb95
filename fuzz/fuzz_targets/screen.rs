//! See [`tidegate_fuzzing::doors::screen`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzzing::doors::screen(data));
