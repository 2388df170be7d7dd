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
use crate::producer::linger::Linger;
use crate::producer::linger::Step;
use crate::producer::linger::TICK;
use crate::producer::receipts::Ledger;

/// How long records of a producer that is gone may go on trying.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the thread of a producer needs to know of it.
pub(crate) struct Outgoing {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) linger: Linger,
    /// Its records are given a chance to become durable after its end.
    pub(crate) outlives: bool,
}

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
    /// Starts the thread of a client that sends no records.
    pub(crate) fn start(client: &Arc<Client>) -> Result<Self, BrokerError> {
        Self::spawn(client, |client, stop| {
            while !stop.stopped.load(Ordering::Acquire) {
                ffi::serve(client, TICK);
            }
        })
    }

    /// Starts the thread of a producer.
    pub(crate) fn start_producer(
        client: &Arc<Client>,
        mut outgoing: Outgoing,
    ) -> Result<Self, BrokerError> {
        Self::spawn(client, move |client, stop| {
            run(client, &mut outgoing, &stop.stopped);
            if !stop.replaced.load(Ordering::Acquire) {
                drain(client, &outgoing.ledger, outgoing.outlives);
            }
        })
    }

    fn spawn(
        client: &Arc<Client>,
        work: impl FnOnce(&Client, &Stop) + Send + 'static,
    ) -> Result<Self, BrokerError> {
        let stop = Arc::new(Stop::default());
        let (own, stopped) = (Arc::clone(client), Arc::clone(&stop));
        thread::Builder::new()
            .name("kafka-client".into())
            .spawn(move || {
                work(&own, &stopped);
                // Ending the client takes a while, which must not happen on another thread: this
                // one waits until it is the last that has it.
                let begin = Instant::now();
                while Arc::strong_count(&own) > 1 && begin.elapsed() < PATIENCE {
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
/// once.
pub(crate) async fn flush(client: &Client, ledger: &Ledger) {
    if ledger.in_flight().0 == 0 {
        return;
    }
    let _hurry = ledger.hurry();
    ffi::wake(client);
    ledger.until(|records, _| records == 0).await;
}

fn run(client: &Client, outgoing: &mut Outgoing, stop: &AtomicBool) {
    let Outgoing { ledger, linger, .. } = outgoing;
    let mut refusals = Refusals::new(client, ledger);
    while !stop.load(Ordering::Acquire) {
        match linger.step(Instant::now(), ledger.under_way()) {
            Step::Hurry(wait) => ffi::flush(client, wait),
            Step::Wait(wait) => ffi::serve(client, wait),
        }
        ledger.publish();
        refusals.pass_on();
    }
}

/// Sees to it that every record has its receipt.
fn drain(client: &Client, ledger: &Ledger, outlives: bool) {
    let begin = Instant::now();
    while ledger.in_flight().0 > 0 && outlives && begin.elapsed() < PATIENCE {
        ffi::flush(client, TICK);
        ledger.publish();
    }
    ledger.give_up(BrokerError::Closed);
    ffi::purge(client);
    while ledger.in_flight().0 > 0 && begin.elapsed() < PATIENCE * 2 {
        ffi::serve(client, TICK);
        ledger.publish();
    }
    ledger.end();
}

/// Fails waiting records when the cluster turns the client away: as with Java's client, a wrong
/// password must not look like a slow cluster.
///
/// librdkafka tells of the same refusal every half minute only, so one is remembered: records that
/// come later fail, too, unless some have arrived since.
struct Refusals<'a> {
    client: &'a Client,
    ledger: &'a Ledger,
    seen: tokio::sync::watch::Receiver<Option<BrokerError>>,
    last: Option<Refusal>,
}

struct Refusal {
    error: BrokerError,
    /// How many records had landed then.
    landed: u64,
    /// Since when records wait in spite of it.
    waiting: Option<Instant>,
}

impl<'a> Refusals<'a> {
    fn new(client: &'a Client, ledger: &'a Ledger) -> Self {
        Self {
            client,
            ledger,
            seen: client.context().refusals(),
            last: None,
        }
    }

    fn pass_on(&mut self) {
        // The sender is part of the client, so this cannot fail.
        if self.seen.has_changed().unwrap_or_default() {
            let told = self.seen.borrow_and_update().clone();
            if let Some(error) = told {
                self.refuse(error);
                return;
            }
        }
        let under_way = self.ledger.under_way();
        let Some(last) = &mut self.last else { return };
        if under_way.landed > last.landed {
            self.last = None;
        } else if under_way.records == 0 {
            last.waiting = None;
        } else if last.waiting.get_or_insert_with(Instant::now).elapsed() > REFUSED_STILL {
            let error = last.error.clone();
            self.refuse(error);
        }
    }

    fn refuse(&mut self, error: BrokerError) {
        self.ledger.give_up(error.clone());
        ffi::purge(self.client);
        ffi::serve(self.client, Duration::ZERO);
        self.ledger.publish();
        self.ledger.go_on();
        self.last = Some(Refusal {
            error,
            landed: self.ledger.under_way().landed,
            waiting: None,
        });
    }
}

/// How long records wait before a refusal from before counts for them: the client connects again
/// meanwhile, and may be let in.
const REFUSED_STILL: Duration = Duration::from_secs(3);
