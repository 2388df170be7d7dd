//! Records that a sink task could not write.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use connect_api::ErrantRecordReporter;
use connect_api::ErrantRecordReporterHost;
use connect_api::Error;
use connect_api::Result;
use connect_api::record::SinkRecord;

use crate::pipeline::Failure;
use crate::pipeline::Operator;
use crate::pipeline::Stage;
use crate::pipeline::Verdict;

/// Takes reports of a sink task and decides about them as about any other failure.
pub(super) struct Errant {
    operator: Mutex<Operator>,
    class: String,
    /// The error that must fail the task even if it swallows it.
    fatal: Mutex<Option<Error>>,
}

impl Errant {
    pub(super) fn new(operator: Operator, class: &str) -> Arc<Self> {
        Arc::new(Self {
            operator: Mutex::new(operator),
            class: class.to_owned(),
            fatal: Mutex::default(),
        })
    }

    pub(super) fn reporter(self: &Arc<Self>) -> ErrantRecordReporter {
        ErrantRecordReporter::new(Arc::clone(self) as Arc<dyn ErrantRecordReporterHost>)
    }

    pub(super) fn take_fatal(&self) -> Option<Error> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ErrantRecordReporterHost for Errant {
    fn report(&self, record: &SinkRecord, error: Error) -> Result<()> {
        let failure = Failure::new(Stage::TaskPut, &self.class, error);
        let mut operator = self.operator.lock().unwrap_or_else(PoisonError::into_inner);
        match operator.decide(failure, &format!("record at {}", record.position)) {
            Verdict::Fail(error) => {
                let text = error.report();
                *self.fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(Error::external(text))
            }
            _ => Ok(()),
        }
    }
}
