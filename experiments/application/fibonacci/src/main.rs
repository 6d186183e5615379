//! Prints a Fibonacci number found by plain recursion, which keeps a thread busy: argv[0] is the number's place.

/// The last one that fits 64 bits.
const LAST: u64 = 93;

fn main() {
    let place = std::env::args().next().unwrap_or_default();
    match place.trim().parse() {
        Ok(place) if place <= LAST => println!("{}", fibonacci(place)),
        _ => {
            eprintln!("fibonacci: expected a whole number from 0 to {LAST}, got {place:?}");
            std::process::exit(1);
        }
    }
}

fn fibonacci(place: u64) -> u64 {
    match place {
        0 | 1 => place,
        _ => fibonacci(place - 1) + fibonacci(place - 2),
    }
}
