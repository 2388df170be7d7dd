//! Messages that a source task could not turn into records.

use std::sync::Arc;
use std::sync::Mutex;

use connect_api::Error;
use connect_api::RawMessage;
use connect_api::Reported;
use connect_api::Result;
use connect_api::SourceErrantReporter;
use connect_api::SourceErrantReporterHost;
use connect_core::sync::lock;
use tokio::sync::Notify;

use crate::config::ErrorTolerance;
use crate::pipeline::Failure;
use crate::pipeline::Stage;
use crate::task::source::send::ErrantMessage;

/// Takes reports of a source task from inside its `poll`; its loop passes them on.
pub(crate) struct Errant {
    tolerance: ErrorTolerance,
    class: String,
    reported: Mutex<Vec<ErrantMessage>>,
    notify: Notify,
}

impl Errant {
    pub(crate) fn new(tolerance: ErrorTolerance, class: &str) -> Arc<Self> {
        Arc::new(Self {
            tolerance,
            class: class.to_owned(),
            reported: Mutex::default(),
            notify: Notify::new(),
        })
    }

    pub(super) fn reporter(self: &Arc<Self>) -> SourceErrantReporter {
        SourceErrantReporter::new(Arc::clone(self) as Arc<dyn SourceErrantReporterHost>)
    }

    /// What was reported since the last call.
    pub(super) fn take(&self) -> Vec<ErrantMessage> {
        std::mem::take(&mut lock(&self.reported))
    }
}

/// Waits for a report; for ever if there is nowhere to report.
///
/// *Cancellation*: safe.
pub(super) async fn reported(errant: Option<&Errant>) {
    match errant {
        Some(errant) => errant.notify.notified().await,
        None => std::future::pending().await,
    }
}

impl SourceErrantReporterHost for Errant {
    fn report(&self, message: RawMessage, error: Error) -> Result<Reported> {
        let refused = match self.tolerance {
            ErrorTolerance::All => None,
            ErrorTolerance::None => Some(Error::data(format!(
                "a message cannot be turned into a record: {}",
                error.report()
            ))),
        };
        let (handle, reported) = Reported::pending();
        let report = ErrantMessage {
            failure: Failure::new(Stage::TaskPoll, &self.class, error),
            message,
            handle,
        };
        lock(&self.reported).push(report);
        self.notify.notify_one();
        refused.map_or(Ok(reported), Err)
    }
}
