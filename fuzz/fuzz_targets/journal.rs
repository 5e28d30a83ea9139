#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| nvgw_fuzz_harness::run("journal", input));
