//! Returns what it was given, and a "b".

#[path = "../../shared/contract.rs"]
mod contract;

/// # Safety
/// The host passes the address and length of JSON that it wrote.
#[no_mangle]
pub unsafe fn echo_string(pointer: *const u8, length: usize) -> contract::Answer {
    contract::answer(contract::text(pointer, length) + "b")
}
