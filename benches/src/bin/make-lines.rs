//! Writes realistic lines to standard output: `make-lines COUNT [SEED]`.

use std::io;
use std::process::ExitCode;

use connect_benches::lines::Lines;

fn main() -> ExitCode {
    let numbers: Vec<Option<u64>> = std::env::args()
        .skip(1)
        .map(|text| text.parse().ok())
        .collect();
    let (count, seed) = match *numbers {
        [Some(count)] => (count, 1),
        [Some(count), Some(seed)] => (count, seed),
        _ => {
            eprintln!("usage: make-lines COUNT [SEED]");
            return ExitCode::FAILURE;
        }
    };
    match Lines::new(seed).write_to(count, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make-lines: {error}");
            ExitCode::FAILURE
        }
    }
}
