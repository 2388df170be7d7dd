//! The command line.

use std::path::PathBuf;

use clap::Parser;
use clap::Subcommand;

/// Runs Kafka Connect's worker and connector files without a JVM, with or without Kafka.
#[derive(Debug, Parser)]
#[command(name = "connect", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Log level (error to trace, or info,connect_runtime=debug) [default: CONNECT_LOG, or info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the connectors, converters, transforms and predicates of this program.
    Plugins,
    /// Runs one worker with the connectors of these files until Ctrl-C or SIGTERM.
    Standalone {
        /// Stops once every source has nothing more to read for now and every sink has written and
        /// committed everything.
        #[arg(long)]
        until_end: bool,
        /// The worker's .properties file, in the format of connect-standalone.sh.
        worker: PathBuf,
        /// Connector files: .properties, JSON objects of options, or JSON create requests.
        connectors: Vec<PathBuf>,
    },
    /// Checks files without running them, and lists every error and every option without effect.
    Validate {
        /// The worker's file.
        worker: PathBuf,
        /// Connector files.
        #[arg(required = true)]
        connectors: Vec<PathBuf>,
    },
}

const AFTER_HELP: &str = "\
Without `bootstrap.servers`, topics live in a durable log inside the process, in the folder
`data.dir` (default ./connect-data).

Exit codes:
  0  done, or stopped in order by Ctrl-C or SIGTERM
  1  wrong usage
  2  the worker could not start: its file, its options, its data folder
  3  a connector could not be created: its file, its options, its class
  4  a connector or task failed during --until-end, or something did not stop in time";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }
}
