//! What a refusal by the cluster means for records in flight.
//!
//! As with Java's client, a wrong password must not look like a slow cluster, so records fail when
//! the cluster refuses the client. librdkafka reports the same refusal every half minute only, so
//! the last one is kept: it fails later records, too, until one has been delivered.

use std::time::Duration;
use std::time::Instant;

use connect_broker::BrokerError;
use tokio::sync::watch;

use super::ledger::Ledger;
use crate::ffi;
use crate::ffi::Client;

/// Fails records in flight when the cluster refuses the client.
pub(super) struct Refusals<'a> {
    client: &'a Client,
    ledger: &'a Ledger,
    reported: watch::Receiver<Option<BrokerError>>,
    last: Option<Refusal>,
}

struct Refusal {
    error: BrokerError,
    /// How many records were completed when it came.
    completed: u64,
    /// Since when records have been waiting after it.
    waiting: Option<Instant>,
}

impl<'a> Refusals<'a> {
    pub(super) fn new(client: &'a Client, ledger: &'a Ledger) -> Self {
        Self {
            client,
            ledger,
            reported: client.context().refusals(),
            last: None,
        }
    }

    /// Fails the records in flight if there is a new refusal, or if the last one still holds.
    pub(super) fn check(&mut self) {
        // The sender is part of the client, so this does not fail.
        if self.reported.has_changed().unwrap_or_default() {
            let reported = self.reported.borrow_and_update().clone();
            if let Some(error) = reported {
                self.fail_records(error);
                return;
            }
        }
        let in_flight = self.ledger.in_flight();
        let Some(last) = &mut self.last else { return };
        if in_flight.completed > last.completed {
            self.last = None;
        } else if in_flight.records == 0 {
            last.waiting = None;
        } else if last.waiting.get_or_insert_with(Instant::now).elapsed() > RECONNECT {
            let error = last.error.clone();
            self.fail_records(error);
        }
    }

    fn fail_records(&mut self, error: BrokerError) {
        self.ledger.set_purge_reason(Some(error.clone()));
        ffi::purge(self.client);
        ffi::serve(self.client, Duration::ZERO);
        self.ledger.notify();
        self.ledger.set_purge_reason(None);
        self.last = Some(Refusal {
            error,
            completed: self.ledger.in_flight().completed,
            waiting: None,
        });
    }
}

/// How long records wait before an earlier refusal fails them: the client connects again meanwhile
/// and may be accepted.
const RECONNECT: Duration = Duration::from_secs(3);
