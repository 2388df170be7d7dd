//! Who takes part.

use std::process::Command;
use std::process::Stdio;

/// From where to where the records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    FileToKafka,
    KafkaToFile,
}

impl Direction {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FileToKafka => "File to Kafka",
            Self::KafkaToFile => "Kafka to file",
        }
    }
}

/// One of those that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// `connect standalone`.
    Connect,
    /// Kafka Connect.
    Java,
    /// The loop of this program.
    Bare,
    /// The same once more, which shows how much of a difference is noise.
    BareAgain,
    Kcat,
}

impl Contender {
    /// Those that this machine can run.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::Connect, Self::Java, Self::Bare, Self::BareAgain];
        let kcat = Command::new("kcat")
            .arg("-V")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if kcat.is_ok_and(|status| status.success()) {
            all.push(Self::Kcat);
        }
        all
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "`connect standalone`",
            Self::Java => "Kafka Connect 4.3.0",
            Self::Bare => "bare rdkafka loop",
            Self::BareAgain => "bare rdkafka loop, again",
            Self::Kcat => "kcat",
        }
    }
}
