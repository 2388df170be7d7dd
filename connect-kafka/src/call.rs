//! Blocking calls of librdkafka from async code.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use connect_broker::BrokerError;
use tokio::sync::oneshot;

use crate::error::Subject;
use crate::error::call_error;
use crate::ffi::Client;
use crate::ffi::Failure;

/// How long a call may go on after a refusal: another broker may still answer it.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a blocking call on a thread of its own.
///
/// Not on the runtime's blocking threads: a runtime that shuts down waits for them, and a call to a
/// cluster that is away can take minutes. Nobody waits for a thread of its own.
pub(crate) async fn blocking<T, F>(call: F) -> T
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let spawned = std::thread::Builder::new()
        .name("kafka-call".into())
        .spawn(move || {
            // Whoever is not there any more needs no answer.
            let _ = answer.send(std::panic::catch_unwind(AssertUnwindSafe(call)));
        });
    if let Err(error) = spawned {
        tracing::error!(%error, "a thread cannot be started; the call is not made");
    }
    match answered.await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        // The thread could not be started: there will be no answer.
        Err(_) => std::future::pending().await,
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
