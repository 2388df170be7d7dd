//! The thread of a producer or administrative client: it runs callbacks until the client ends.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;

use crate::ffi;
use crate::ffi::Client;
use crate::receipts::Ledger;

/// How long one wait for callbacks lasts at most.
const TICK: Duration = Duration::from_millis(100);

/// How long records of a producer that is gone may go on trying.
const LINGER: Duration = Duration::from_secs(30);

/// Ends its thread, and with it the client, when dropped. Does not wait for it.
pub(crate) struct Pump {
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    stopped: AtomicBool,
    /// Another client goes on with the ledger.
    replaced: AtomicBool,
}

impl Pump {
    /// Starts the thread. With a ledger, the client is a producer; its records are given a chance
    /// to become durable after the end if `lingers`.
    pub(crate) fn start(
        client: &Arc<Client>,
        ledger: Option<Arc<Ledger>>,
        lingers: bool,
    ) -> Result<Self, BrokerError> {
        let stop = Arc::new(Stop::default());
        let (own, stopped) = (Arc::clone(client), Arc::clone(&stop));
        thread::Builder::new()
            .name("kafka-client".into())
            .spawn(move || {
                let refused = ledger.as_deref().map(|ledger| Refusals::new(&own, ledger));
                run(&own, ledger.as_deref(), &stopped.stopped, refused);
                if let Some(ledger) = &ledger
                    && !stopped.replaced.load(Ordering::Acquire)
                {
                    drain(&own, ledger, lingers);
                }
                // Ending the client takes a while, which must not happen on another thread: this
                // one waits until it is the last that has it.
                let begin = Instant::now();
                while Arc::strong_count(&own) > 1 && begin.elapsed() < LINGER {
                    ffi::serve(&own, Duration::from_millis(1));
                }
            })
            .map_err(|error| BrokerError::Unavailable(format!("starting a thread: {error}")))?;
        Ok(Self { stop })
    }

    /// Ends the thread of a producer that has nothing in flight and that another one follows.
    pub(crate) fn replace(self) {
        self.stop.replaced.store(true, Ordering::Release);
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        // It notices within a tick.
        self.stop.stopped.store(true, Ordering::Release);
    }
}

/// Waits until nothing of a producer is in flight. Records that wait for others to go with go at
/// once: librdkafka hurries while a thread is inside its flush.
///
/// Its flush alone would not do: it waits in steps for callbacks that the pump's thread may run.
pub(crate) async fn flush(client: &Arc<Client>, ledger: &Arc<Ledger>) {
    if ledger.in_flight().0 == 0 {
        return;
    }
    let hurry = Hurry::default();
    let (client, own, over) = (
        Arc::clone(client),
        Arc::clone(ledger),
        Arc::clone(&hurry.over),
    );
    let helper = thread::Builder::new()
        .name("kafka-flush".into())
        .spawn(move || {
            while own.in_flight().0 > 0 && !over.load(Ordering::Acquire) {
                ffi::flush(&client, STEP);
                own.publish();
            }
        });
    if let Err(error) = helper {
        tracing::debug!(%error, "a thread cannot be started; flushing takes a little longer");
    }
    ledger.until(|records, _| records == 0).await;
}

/// How long one hurried wait lasts at most.
const STEP: Duration = Duration::from_millis(10);

/// Ends the hurry when the flush is done, or given up.
#[derive(Default)]
struct Hurry {
    over: Arc<AtomicBool>,
}

impl Drop for Hurry {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
    }
}

fn run(
    client: &Client,
    ledger: Option<&Ledger>,
    stop: &AtomicBool,
    mut refusals: Option<Refusals<'_>>,
) {
    while !stop.load(Ordering::Acquire) {
        ffi::serve(client, TICK);
        if let Some(ledger) = ledger {
            ledger.publish();
        }
        if let Some(refusals) = &mut refusals {
            refusals.pass_on();
        }
    }
}

/// Sees to it that every record has its receipt.
fn drain(client: &Client, ledger: &Ledger, lingers: bool) {
    let begin = Instant::now();
    while ledger.in_flight().0 > 0 && lingers && begin.elapsed() < LINGER {
        ffi::serve(client, TICK);
        ledger.publish();
    }
    ledger.give_up(BrokerError::Closed);
    ffi::purge(client);
    while ledger.in_flight().0 > 0 && begin.elapsed() < LINGER * 2 {
        ffi::serve(client, TICK);
        ledger.publish();
    }
    ledger.end();
}

/// Fails waiting records when the cluster turns the client away: as with Java's client, a wrong
/// password must not look like a slow cluster.
struct Refusals<'a> {
    client: &'a Client,
    ledger: &'a Ledger,
    seen: tokio::sync::watch::Receiver<Option<BrokerError>>,
}

impl<'a> Refusals<'a> {
    fn new(client: &'a Client, ledger: &'a Ledger) -> Self {
        Self {
            client,
            ledger,
            seen: client.context().refusals(),
        }
    }

    fn pass_on(&mut self) {
        // The sender is part of the client, so this cannot fail.
        if !self.seen.has_changed().unwrap_or_default() {
            return;
        }
        let Some(error) = self.seen.borrow_and_update().clone() else {
            return;
        };
        self.ledger.give_up(error);
        ffi::purge(self.client);
        ffi::serve(self.client, Duration::ZERO);
        self.ledger.publish();
        self.ledger.go_on();
    }
}
