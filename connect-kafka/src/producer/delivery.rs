//! What the thread of a producer does: it runs callbacks, flushes records that have lingered long
//! enough, and sees to it that every record gets its receipt.

use std::sync::Arc;
use std::time::Instant;

use connect_broker::BrokerError;

use super::ledger::Ledger;
use super::linger::Linger;
use super::linger::Step;
use super::refusals::Refusals;
use crate::client::CallbackThread;
use crate::client::END_TIMEOUT;
use crate::client::SERVE;
use crate::client::Stop;
use crate::ffi;
use crate::ffi::Client;

/// What the thread of a producer needs.
pub(super) struct Delivery {
    pub(super) ledger: Arc<Ledger>,
    pub(super) linger: Linger,
    /// True if records may still be delivered after the producer was dropped.
    pub(super) outlives: bool,
}

impl Delivery {
    /// Starts the thread of a producer.
    pub(super) fn start(mut self, client: &Arc<Client>) -> Result<CallbackThread, BrokerError> {
        CallbackThread::start_with(client, move |client, stop| {
            self.run(client, stop);
            if !stop.is_replaced() {
                self.drain(client);
            }
        })
    }

    fn run(&mut self, client: &Client, stop: &Stop) {
        let Self { ledger, linger, .. } = self;
        let mut refusals = Refusals::new(client, ledger);
        while !stop.is_stopped() {
            match linger.step(Instant::now(), ledger.in_flight()) {
                Step::Flush(wait) => ffi::flush(client, wait),
                Step::Wait(wait) => ffi::serve(client, wait),
            }
            ledger.notify();
            refusals.check();
        }
    }

    /// Waits until every record has its receipt. Purges those that are not delivered in time.
    fn drain(&self, client: &Client) {
        let ledger = &self.ledger;
        let begin = Instant::now();
        while ledger.counts().0 > 0 && self.outlives && begin.elapsed() < END_TIMEOUT {
            ffi::flush(client, SERVE);
            ledger.notify();
        }
        ledger.set_purge_reason(Some(BrokerError::Closed));
        ffi::purge(client);
        while ledger.counts().0 > 0 && begin.elapsed() < END_TIMEOUT * 2 {
            ffi::serve(client, SERVE);
            ledger.notify();
        }
        ledger.end();
    }
}

/// Sends everything without lingering and waits until nothing is in flight.
pub(super) async fn flush(client: &Client, ledger: &Ledger) {
    if ledger.counts().0 == 0 {
        return;
    }
    let _flush = ledger.flush();
    ffi::wake(client);
    ledger.wait_until(|records, _| records == 0).await;
}
