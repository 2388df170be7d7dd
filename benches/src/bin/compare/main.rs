//! How fast is the worker on Kafka, beside Kafka Connect itself, bare loops on the same client
//! library, and kcat?
//!
//! `cargo run --release -p connect-benches --features compare --bin compare -- --lines N --rounds R`
//! builds the `connect` program, fetches Kafka Connect with Maven, starts a broker and runs all of
//! them in turn, file to Kafka and Kafka to file, with the same configuration files. It counts at
//! the target and prints Markdown. `kcat` takes part where it is installed. Linux only.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]

mod bare;
mod contender;
mod lab;
mod measure;
mod report;

use contender::Contender;
use contender::Direction;
use lab::Lab;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["bare-produce", address, topic, file] => bare::produce(address, topic, file),
        ["bare-consume", address, topic, file, count] => {
            bare::consume(address, topic, file, count.parse().unwrap());
        }
        _ => match options(&words) {
            Some((lines, rounds)) => compare(lines, rounds),
            None => panic!("usage: compare [--lines N] [--rounds R]"),
        },
    }
}

fn options(words: &[&str]) -> Option<(u64, usize)> {
    let (mut lines, mut rounds) = (1_000_000, 5);
    for pair in words.chunks(2) {
        match *pair {
            ["--lines", number] => lines = number.parse().ok()?,
            ["--rounds", number] => rounds = number.parse().ok()?,
            _ => return None,
        }
    }
    Some((lines, rounds))
}

fn compare(lines: u64, rounds: usize) {
    let lab = Lab::set_up(lines);
    for direction in [Direction::FileToKafka, Direction::KafkaToFile] {
        let contenders = Contender::all();
        let mut results = vec![Vec::new(); contenders.len()];
        for round in 0..rounds {
            // Each round begins with another one.
            for step in 0..contenders.len() {
                let index = (round + step) % contenders.len();
                if let (Some(contender), Some(results)) =
                    (contenders.get(index), results.get_mut(index))
                {
                    let run = lab.run(*contender, direction, round);
                    eprintln!("{}, {}: {run}", direction.name(), contender.name());
                    results.push(run);
                }
            }
        }
        println!(
            "## {}\n\n{}",
            direction.name(),
            report::table(&contenders, &results)
        );
    }
}
