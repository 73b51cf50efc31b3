//! See `checks/hints.rs`.
#![no_main]

#[path = "../checks/hints.rs"]
mod hints;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    hints::check(data);
});
