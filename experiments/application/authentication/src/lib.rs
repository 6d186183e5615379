//! Checks a caller's secret: (arg_uri, arg_body, arg_secret) in, the status and page of the decision out.

#[path = "../../shared/contract.rs"]
mod contract;
#[path = "../../shared/decision.rs"]
mod decision;
#[path = "../../shared/json.rs"]
mod json;
#[path = "../../shared/md5.rs"]
mod md5;

/// # Safety
/// The host passes the address and length of JSON that it wrote.
#[no_mangle]
pub unsafe fn authentication(pointer: *const u8, length: usize) -> contract::Answer {
    contract::answer(decision::decide(&contract::text(pointer, length)))
}
