//! See [`tidegate_fuzzing::envelope::envelope`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tidegate_fuzzing::envelope::envelope(data));
