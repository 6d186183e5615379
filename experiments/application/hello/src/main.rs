//! The smallest WASI command.

fn main() {
    println!("Hello, Budda!");
}
