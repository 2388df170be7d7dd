//! Records that a sink task could not write.

use std::sync::Arc;
use std::sync::Mutex;

use connect_api::ErrantRecordReporter;
use connect_api::ErrantRecordReporterHost;
use connect_api::Error;
use connect_api::Result;
use connect_api::record::SinkRecord;
use connect_core::sync::lock;

use crate::config::ErrorTolerance;
use crate::pipeline::Failure;
use crate::pipeline::Stage;

/// Takes reports of a sink task; its loop reports them on and sees that they are durable before
/// offsets are committed.
pub(super) struct Errant {
    tolerance: ErrorTolerance,
    class: String,
    reported: Mutex<Vec<(SinkRecord, Failure)>>,
}

impl Errant {
    pub(super) fn new(tolerance: ErrorTolerance, class: &str) -> Arc<Self> {
        Arc::new(Self {
            tolerance,
            class: class.to_owned(),
            reported: Mutex::default(),
        })
    }

    pub(super) fn reporter(self: &Arc<Self>) -> ErrantRecordReporter {
        ErrantRecordReporter::new(Arc::clone(self) as Arc<dyn ErrantRecordReporterHost>)
    }

    /// What was reported since the last call.
    pub(super) fn take(&self) -> Vec<(SinkRecord, Failure)> {
        std::mem::take(&mut lock(&self.reported))
    }

    /// True if the first report must fail the task, even if the task swallows the error.
    pub(super) fn is_fatal(&self) -> bool {
        self.tolerance == ErrorTolerance::None
    }
}

impl ErrantRecordReporterHost for Errant {
    fn report(&self, record: &SinkRecord, error: Error) -> Result<()> {
        let text = format!("the record at {} cannot be written", record.position);
        let outcome = match self.tolerance {
            ErrorTolerance::All => Ok(()),
            ErrorTolerance::None => Err(Error::data(format!("{text}: {}", error.report()))),
        };
        let failure = Failure::new(Stage::TaskPut, &self.class, error);
        let report = (record.clone(), failure);
        lock(&self.reported).push(report);
        outcome
    }
}
