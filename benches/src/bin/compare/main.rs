//! How fast is the worker on Kafka, compared with Kafka Connect itself, bare loops on the same
//! client library, and kcat?
//!
//! `cargo run --release -p connect-benches --features compare --bin compare` builds the `connect`
//! program, fetches Kafka Connect with Maven, starts a broker and runs all of them in turn on the
//! same lines, with the same configuration files. It counts at the target, prints Markdown, and
//! writes it to `benches/COMPARISON.md` with the plot `benches/comparison.svg`. A run of only some
//! workloads, or of fewer than five rounds, writes to `target/compare` instead. `kcat` takes part
//! if it is installed. Linux only.

#![expect(clippy::unwrap_used, reason = "a measurement that fails has no result")]

use std::fs;
use std::path::Path;

mod bare;
mod chart;
mod contender;
mod digest;
mod files;
mod lab;
mod machine;
mod measure;
mod options;
mod outcome;
mod programs;
mod report;
mod rest;
mod topic;
mod trial;
mod workload;

use lab::Lab;
use machine::Machine;
use options::Options;
use outcome::Outcome;
use trial::Trials;
use workload::WORKLOADS;
use workload::Workload;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["bare-produce", bootstrap, topic, ref files @ ..] => {
            bare::produce(bootstrap, topic, files);
        }
        ["bare-consume", bootstrap, topic, file, partitions, count] => {
            let (partitions, count) = (partitions.parse().unwrap(), count.parse().unwrap());
            bare::consume(bootstrap, topic, file, partitions, count);
        }
        ["--list"] => list(),
        ["--help"] => println!("{}", options::USAGE),
        _ => match Options::parse(&words) {
            Ok(options) => compare(&options),
            Err(problem) => panic!("{problem}\n{}", options::USAGE),
        },
    }
}

fn list() {
    for workload in &WORKLOADS {
        println!("{:28}{}", workload.name, workload.title);
    }
}

fn compare(options: &Options) {
    let machine = Machine::look();
    let lab = Lab::set_up();
    let mut outcomes = Vec::new();
    for workload in &options.workloads {
        let outcome = measure(&lab, workload, options);
        println!("{}", report::section(&outcome));
        outcomes.push(outcome);
        // After each workload, so that a failure keeps earlier results.
        write(
            &programs::target_folder().join("compare"),
            &machine,
            options,
            &outcomes,
        );
    }
    if options.is_complete {
        write(
            Path::new(env!("CARGO_MANIFEST_DIR")),
            &machine,
            options,
            &outcomes,
        );
    }
}

fn measure(lab: &Lab, workload: &'static Workload, options: &Options) -> Outcome {
    let lines = workload.lines(options.lines);
    let input = lab.input(workload, lines);
    let mut trials = Trials::new(lab, workload, &input);
    let contenders = workload.contenders();
    for contender in workload.warming() {
        trials.warm_up(contender);
    }
    let mut results: Vec<_> = contenders.iter().map(|c| (*c, Vec::new())).collect();
    for round in 0..options.rounds {
        // Each round begins with a different contender.
        let (before, from) = results.split_at_mut(round % contenders.len());
        for (contender, runs) in from.iter_mut().chain(before) {
            let run = trials.run(*contender, round);
            eprintln!("{}, {}: {run}", workload.name, workload.label(*contender));
            runs.push(run);
        }
    }
    lab.discard(workload, &input);
    Outcome {
        workload,
        lines,
        results,
    }
}

/// Writes report and plot.
fn write(folder: &Path, machine: &Machine, options: &Options, outcomes: &[Outcome]) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join("COMPARISON.md");
    let document = fs::read_to_string(&path).unwrap_or_default();
    let report = report::report(&machine.describe(), options.rounds, outcomes);
    fs::write(&path, report::replace(&document, &report)).unwrap();
    let foot = format!(
        "Median of {} rounds; whiskers from the minimum to the maximum. {}.",
        options.rounds,
        machine.brief()
    );
    fs::write(folder.join("comparison.svg"), chart::chart(outcomes, &foot)).unwrap();
}
