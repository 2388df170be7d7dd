//! Failures of the program, each with its exit code.

use std::fmt;

/// The exit code for wrong usage.
pub(crate) const USAGE: u8 = 1;

/// Why the program failed. The exit codes never change.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The worker could not start.
    Start(String),
    /// Connectors could not be created; one message for each.
    Connectors(Vec<String>),
    /// A connector or task failed, or did not stop in time.
    Run(String),
}

impl Failure {
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Start(_) => 2,
            Self::Connectors(_) => 3,
            Self::Run(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(text) | Self::Run(text) => f.write_str(text),
            Self::Connectors(texts) => f.write_str(&texts.join("\nconnect: ")),
        }
    }
}
