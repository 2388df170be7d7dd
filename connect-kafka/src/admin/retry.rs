//! Which refusals pass, so that a request is made again.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::ffi::Element;
use crate::ffi::Failure;

/// The pause between two attempts.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Repeats a request while it is refused for a passing reason, as Kafka's clients do: a broker is
/// starting or stopping, or is still loading what it coordinates. Blocks.
pub(super) fn repeat<T>(
    limit: Duration,
    request: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let begin = Instant::now();
    loop {
        match request() {
            Err(failure) if passes(failure.code) && begin.elapsed() < limit => {
                thread::park_timeout(PAUSE);
            }
            result => return result,
        }
    }
}

/// The results of single partitions, or the failure of one that was refused for a passing reason.
pub(super) fn settled(elements: Vec<Element>) -> Result<Vec<Element>, Failure> {
    let refused = elements.iter().find_map(|element| {
        let code = element.error.filter(|code| passes(*code))?;
        Some(Failure::new(code, code.to_string()))
    });
    refused.map_or(Ok(elements), Err)
}

const fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::FencedLeaderEpoch
            | Code::KafkaStorageError
            | Code::LeaderNotAvailable
            | Code::NetworkException
            | Code::NotCoordinator
            | Code::NotLeaderForPartition
            | Code::OffsetNotAvailable
            | Code::ReplicaNotAvailable
            | Code::UnknownLeaderEpoch
            | Code::UnstableOffsetCommit
            | Code::WaitingForCoordinator
    )
}
