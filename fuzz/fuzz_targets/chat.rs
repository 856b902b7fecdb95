//! See [`tidegate_fuzzing::doors::chat`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzzing::doors::chat(data));
