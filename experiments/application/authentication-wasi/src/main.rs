//! The authentication sample as a WASI command: the JSON is argv[0], the decision goes to stdout.

#[path = "../../shared/decision.rs"]
mod decision;
#[path = "../../shared/json.rs"]
mod json;
#[path = "../../shared/md5.rs"]
mod md5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [json] => println!("{}", decision::decide(json)),
        _ => {
            eprintln!("authentication-wasi: expected one argument, the JSON, got {}", arguments.len());
            std::process::exit(1);
        }
    }
}
