//! See `check`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fonoteca_fuzz::model::check(bytes));
