//! See `checks/restore.rs`.
#![no_main]

#[path = "../checks/restore.rs"]
mod restore;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    restore::check(data);
});
