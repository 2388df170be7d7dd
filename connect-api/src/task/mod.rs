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

/// What source and sink tasks share.
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
///         self.open = false; // release what `start` acquired
///         Ok(())
///     }
/// }
/// ```
///
/// *Misuse*: writing data in `stop`. The last offsets were committed before it is called, and the
/// worker does not wait for later writes.
#[async_trait]
pub trait Task: Send + 'static {
    /// Releases the resources of the task. It is the last call, also after a failure, and is made
    /// only if `start` was called. The default does nothing.
    ///
    /// # Errors
    /// The error is logged. The task counts as stopped.
    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
