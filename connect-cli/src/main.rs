//! The `connect` program: runs the worker and connector files of Kafka Connect in one process.

mod args;
mod command;
mod failure;
mod logging;
mod progress;
mod signal;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::args::Command;
use crate::failure::Failure;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print(); // there is no other way to report this
            return if error.use_stderr() {
                failure::USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("connect: {failure}");
            failure.code().into()
        }
    }
}

fn run(args: Args) -> Result<(), Failure> {
    let default = match args.command {
        Command::Standalone { .. } => "info",
        Command::Plugins => "warn",
        // `validate` prints the notices itself, each with its file.
        Command::Validate { .. } => "warn,connect_runtime::notices=off",
    };
    logging::install(args.log.as_deref(), default)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(format!("cannot start threads: {error}")))?;
    let result = match args.command {
        Command::Plugins => {
            command::plugins();
            Ok(())
        }
        Command::Standalone {
            until_end,
            worker,
            connectors,
        } => runtime.block_on(command::standalone(&worker, &connectors, until_end)),
        Command::Validate { worker, connectors } => {
            runtime.block_on(command::validate(&worker, &connectors))
        }
    };
    // A read of standard input cannot be interrupted; it must not keep the process alive.
    runtime.shutdown_background();
    result
}
