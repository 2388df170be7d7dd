//! Blocking calls of librdkafka from async code.

use std::sync::Arc;
use std::time::Duration;

use connect_broker::BrokerError;

use crate::error::Subject;
use crate::error::call_error;
use crate::ffi::Client;
use crate::ffi::Failure;

/// How long a call may go on after a refusal: another broker may still answer it.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a blocking call on a thread that may block.
pub(crate) async fn blocking<T, F>(call: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down: nobody waits for an answer any more.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Runs a blocking call of a client; ends early, with the reason, if the cluster turns it away.
///
/// *Cancellation*: the call itself goes on until its own time limit.
pub(crate) async fn call<T, F>(
    client: &Arc<Client>,
    subject: Subject<'_>,
    call: F,
) -> Result<T, BrokerError>
where
    T: Send + 'static,
    F: FnOnce(&Client) -> Result<T, Failure> + Send + 'static,
{
    let refused = async {
        let error = client.context().denied().await;
        tokio::time::sleep(GRACE).await;
        error
    };
    let own = Arc::clone(client);
    tokio::select! {
        // Either branch may be dropped: the call is on its own thread, the refusal is remembered.
        result = blocking(move || call(&own)) => {
            result.map_err(|failure| call_error(&failure, subject, client.context()))
        }
        error = refused => Err(error),
    }
}
