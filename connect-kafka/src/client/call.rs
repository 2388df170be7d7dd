//! Blocking calls of librdkafka from async code.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;

use crate::callbacks::Context;
use crate::error::Subject;
use crate::error::error;
use crate::ffi::Client;
use crate::ffi::Failure;

/// How long a call may continue after a refusal: another broker may still answer it.
const GRACE: Duration = Duration::from_secs(1);

/// Runs a blocking call on a thread of its own.
///
/// Not on the runtime's blocking threads: a runtime that shuts down waits for them, and a call to a
/// cluster that is away can take minutes.
///
/// # Errors
/// Those of the call; a thread cannot be started.
pub(crate) async fn blocking<T, F>(call: F) -> Result<T, Failure>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Failure> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    let spawned = thread::Builder::new()
        .name("kafka-call".into())
        .spawn(move || {
            // Fails if the caller no longer waits.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(call)));
        });
    if let Err(error) = spawned {
        let problem = format!("a thread for the call cannot be started: {error}");
        return Err(Failure::new(Code::CriticalSystemResource, problem));
    }
    match answered.await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => Err(Failure::new(Code::Fail, "the thread of the call is gone")),
    }
}

/// Makes a call that continues in the background when its time is over and is resumed by making it
/// again, as those of transactions: in short turns, until `limit` is over.
///
/// *Cancellation*: no further turn is made.
pub(crate) async fn in_turns<F>(
    client: &Arc<Client>,
    limit: Duration,
    request: F,
) -> Result<(), Failure>
where
    F: Fn(&Client, Duration) -> Result<(), Failure> + Send + 'static,
{
    let own = Arc::clone(client);
    let waiting = Arc::new(());
    let caller = Arc::downgrade(&waiting);
    let result = blocking(move || {
        let begin = Instant::now();
        loop {
            let rest = limit.saturating_sub(begin.elapsed());
            match request(&own, rest.min(TURN)) {
                Err(failure)
                    if can_be_resumed(&failure)
                        && begin.elapsed() < limit
                        && caller.strong_count() > 0 =>
                {
                    thread::park_timeout(PAUSE);
                }
                result => return result,
            }
        }
    })
    .await;
    drop(waiting);
    result
}

/// A conflict means that another call has to be resumed first.
fn can_be_resumed(failure: &Failure) -> bool {
    failure.retriable && !failure.fatal && failure.code != Code::Conflict
}

/// How long one turn of a call takes. After its caller has gone, a client lives for so long.
const TURN: Duration = Duration::from_secs(1);

/// The pause between two turns, for calls that fail at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs a blocking call of a client. Returns early, with the reason, if the cluster refuses the
/// client.
///
/// *Cancellation*: the call itself continues until its own time limit.
pub(crate) async fn call<T, F>(
    client: &Arc<Client>,
    subject: Subject<'_>,
    call: F,
) -> Result<T, BrokerError>
where
    T: Send + 'static,
    F: FnOnce(&Client) -> Result<T, Failure> + Send + 'static,
{
    let own = Arc::clone(client);
    unless_refused(client, subject, blocking(move || call(&own))).await
}

/// Waits for a call of a client. Gives it up, with the reason, if the cluster refuses the client.
pub(crate) async fn unless_refused<T>(
    client: &Arc<Client>,
    subject: Subject<'_>,
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, BrokerError> {
    let refused = async {
        let error = client.context().refused().await;
        tokio::time::sleep(GRACE).await;
        error
    };
    tokio::select! {
        // Either branch may be dropped: the call runs on its own thread, the refusal is kept.
        result = call => {
            result.map_err(|failure| call_error(&failure, subject, client.context()))
        }
        error = refused => Err(error),
    }
}

/// The error of a call.
pub(crate) fn call_error(
    failure: &Failure,
    subject: Subject<'_>,
    context: &Context,
) -> BrokerError {
    match error(failure.code, &failure.text, subject) {
        BrokerError::Unavailable(text) => context.unavailable(&text),
        error => error,
    }
}
