//! Tasks: the parts of a connector that move the data.

pub(crate) mod errant;
pub(crate) mod sink;
pub(crate) mod source;

use async_trait::async_trait;

use crate::Result;

pub use errant::RawMessage;
pub use errant::ReportHandle;
pub use errant::Reported;
pub use errant::SourceErrantReporter;
pub use errant::SourceErrantReporterHost;
pub use sink::ErrantRecordReporter;
pub use sink::ErrantRecordReporterHost;
pub use sink::SinkTask;
pub use sink::SinkTaskContext;
pub use sink::SinkTaskHost;
pub use source::SourceTask;
pub use source::SourceTaskContext;
pub use source::SourceTaskHost;
pub use source::TransactionContext;
pub use source::TransactionHost;

/// What source and sink tasks share: an end.
///
/// # Example
///
/// ```
/// use async_trait::async_trait;
/// use connect_api::{Result, Task};
///
/// struct Session { open: bool }
///
/// #[async_trait]
/// impl Task for Session {
///     async fn stop(&mut self) -> Result<()> {
///         self.open = false; // release here what `start` opened
///         Ok(())
///     }
/// }
/// ```
///
/// *Misuse*: committing or sending something in `stop`. Offsets were committed before it is called;
/// what is sent later nobody waits for.
#[async_trait]
pub trait Task: Send + 'static {
    /// Releases what the task holds: called once, last, also after a failure, if `start` was
    /// called. The default does nothing.
    ///
    /// # Errors
    /// Logged; the task is gone all the same.
    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
