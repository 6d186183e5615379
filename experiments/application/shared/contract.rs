//! The two ends of WasmEngine's string contract, (pointer, length) -> (pointer, length).
//!
//! The host writes JSON at `__heap_base` into pages that it grew for it; Rust's allocator grows its own pages behind
//! those, so nothing here can overwrite the input. An answer is never freed: an instance answers once.
//!
//! rustc lowers a pair to two wasm results up to LLVM 18 (rustc 1.81). Later ones write it through a hidden pointer
//! parameter instead, so the build passes `--cfg packed` to them, and the pair becomes one i64: pointer << 32 | length.

#[cfg(not(packed))]
pub type Answer = (*const u8, usize);
#[cfg(packed)]
pub type Answer = u64;

/// Copies the host's text; bytes that are not UTF-8 become U+FFFD.
///
/// # Safety
/// `length` bytes at `pointer` are readable.
pub unsafe fn text(pointer: *const u8, length: usize) -> String {
    String::from_utf8_lossy(std::slice::from_raw_parts(pointer, length)).into_owned()
}

/// Hands `text` to the host.
pub fn answer(text: String) -> Answer {
    let bytes: &'static [u8] = Box::leak(text.into_bytes().into_boxed_slice());
    pair(bytes.as_ptr(), bytes.len())
}

#[cfg(not(packed))]
fn pair(pointer: *const u8, length: usize) -> Answer {
    (pointer, length)
}

#[cfg(packed)]
fn pair(pointer: *const u8, length: usize) -> Answer {
    (pointer as u64) << 32 | length as u64
}
