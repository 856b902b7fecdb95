//! See [`tidegate_fuzzing::frames::frames`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzzing::frames::frames(data));
