//! A number in, a number out; the largest one wraps around to the smallest.

#[no_mangle]
pub extern "C" fn add_one(number: i32) -> i32 {
    number.wrapping_add(1)
}
