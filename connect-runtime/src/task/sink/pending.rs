//! What a sink task could not do for now.

use std::time::Duration;

use connect_api::Result;
use connect_api::TopicPartition;
use tokio::time::Instant;

use crate::pipeline::Failure;
use crate::pipeline::Stage;
use crate::task::sink::inbox::Batch;
use crate::task::sink::inbox::Conversion;
use crate::task::sink::inbox::Inbox;

/// What has to wait before it is tried again. Meanwhile all partitions are paused and the group is
/// polled, so that the wait costs no membership.
pub(super) struct Pending {
    pub(super) work: Work,
    pub(super) again_at: Instant,
    pub(super) attempts: u32,
    /// A converter, by stage and class, that must be resolved first.
    pub(super) resolve: Option<(Stage, String)>,
}

pub(super) enum Work {
    /// A record is to be converted again.
    Convert(Conversion),
    /// The task wants the batch again.
    Put(Batch),
}

impl Pending {
    pub(super) fn is_due(&mut self) -> bool {
        self.resolve.is_none() && Instant::now() >= self.again_at
    }

    /// The converter was resolved, or could not be.
    pub(super) fn resolved(&mut self, result: Result<()>) {
        let resolved = self.resolve.take();
        if let (Err(error), Some((stage, class)), Work::Convert(conversion)) =
            (result, resolved, &mut self.work)
        {
            conversion.unresolved(Failure::new(stage, &class, error));
        }
    }

    /// Forgets records of partitions that are gone or read again.
    pub(super) fn forget(&mut self, inbox: &mut Inbox, partitions: &[TopicPartition]) {
        match &mut self.work {
            Work::Convert(conversion) => inbox.forget(conversion, partitions),
            Work::Put(batch) => batch.forget(partitions),
        }
    }
}

/// The pause before a batch is put again, doubled each time.
pub(super) fn retry_delay(attempts: u32) -> Duration {
    RETRY_DELAY
        .saturating_mul(1 << attempts.min(8))
        .min(RETRY_DELAY_MAX)
}

const RETRY_DELAY: Duration = Duration::from_millis(100);
const RETRY_DELAY_MAX: Duration = Duration::from_secs(10);
