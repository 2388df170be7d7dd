//! The contenders.

/// A program, or a mode of it, that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The bare loop of this program.
    Bare,
    /// The same again, which shows how much of a difference is noise.
    BareAgain,
    /// `connect standalone`.
    Connect,
    /// The same again.
    ConnectAgain,
    /// Kafka Connect.
    Java,
    Kcat,
    /// `connect standalone`, exactly-once, with a transaction for each time span.
    PerInterval,
    /// `connect standalone`, exactly-once, with a transaction for each batch of the task.
    PerPoll,
}

impl Contender {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare rdkafka loop",
            Self::BareAgain => "bare rdkafka loop, again",
            Self::Connect => "connect standalone",
            Self::ConnectAgain => "connect standalone, again",
            Self::Java => "Kafka Connect 4.3.0",
            Self::Kcat => "kcat",
            Self::PerInterval => "exactly-once, every 100 ms",
            Self::PerPoll => "exactly-once, every poll",
        }
    }

    /// True if its records arrive in transactions.
    pub(crate) const fn is_transactional(self) -> bool {
        matches!(self, Self::PerInterval | Self::PerPoll)
    }
}
