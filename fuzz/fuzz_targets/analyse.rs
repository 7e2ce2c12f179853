//! See `check`. Seven changes in eight get the checksums of Ogg that they need to be read on.
#![no_main]

use fonoteca_fuzz::audio::{analyse, ogg};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| analyse::check(bytes));

libfuzzer_sys::fuzz_mutator!(|bytes: &mut [u8], size: usize, most: usize, seed: u32| {
    let size = libfuzzer_sys::fuzzer_mutate(bytes, size, most);
    if !seed.is_multiple_of(8) {
        ogg::mend(&mut bytes[..size]);
    }
    size
});
