//! The client behind a producer.
//!
//! A producer outlives its client: after the log has refused a record of a transaction, the next
//! transaction needs a new one.

use std::sync::Arc;
use std::time::Duration;

use connect_broker::BrokerError;
use rdkafka::types::RDKafkaType;

use super::delivery::Delivery;
use super::ledger::Ledger;
use super::linger::Linger;
use super::transactions::Transactions;
use crate::callbacks::Deliveries;
use crate::client::CallbackThread;
use crate::client::open;
use crate::client::spawn;
use crate::config::Settings;
use crate::ffi;
use crate::ffi::Client;

/// A client with its thread, and its transactions if it has any.
pub(super) struct Connection {
    pub(super) transactions: Option<Transactions>,
    pub(super) client: Arc<Client>,
    /// The last field, so that it is dropped after all other uses of the client.
    thread: CallbackThread,
}

/// How the clients of one producer are made.
pub(super) struct ConnectionSettings {
    pub(super) settings: Settings,
    pub(super) transactional_id: Option<String>,
    pub(super) max_in_flight_bytes: usize,
    /// How long records may wait for their batch to fill.
    pub(super) linger: Duration,
    /// How many records and bytes make a batch full.
    pub(super) full_batch: (usize, usize),
}

impl Connection {
    pub(super) async fn open(
        how: &ConnectionSettings,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, BrokerError> {
        let deliveries = Arc::clone(ledger) as Arc<dyn Deliveries>;
        let kind = RDKafkaType::RD_KAFKA_PRODUCER;
        let client = open(kind, &how.settings, Some(deliveries))?;
        let delivery = Delivery {
            ledger: Arc::clone(ledger),
            linger: Linger::new(how.linger, how.full_batch),
            outlives: how.transactional_id.is_none(),
        };
        let thread = delivery.start(&client)?;
        let idempotence = how.settings.config.get("enable.idempotence");
        if idempotence.is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            request_producer_id(&client);
        }
        let transactions = match &how.transactional_id {
            Some(id) => {
                let timeout = how.settings.max_block;
                Some(Transactions::open(&client, ledger, id, timeout).await?)
            }
            None => None,
        };
        ledger.set_client(&client);
        Ok(Self {
            transactions,
            client,
            thread,
        })
    }

    /// Ends a client that has nothing in flight, without ending the ledger.
    pub(super) fn replace(self) {
        self.thread.replace();
    }
}

/// Makes an idempotent producer request its producer id at once.
///
/// librdkafka requests it when it gets metadata of the cluster, and every half second otherwise.
/// The first metadata comes over the bootstrap connection, which is closed right after, so the
/// request has no connection to go to. The second metadata comes over a connection that stays.
fn request_producer_id(client: &Arc<Client>) {
    let client = Arc::clone(client);
    let started = spawn("kafka-producer-id", move || {
        for _ in 0..2 {
            if let Err(failure) = ffi::refresh_metadata(&client, METADATA_TIMEOUT) {
                tracing::debug!(
                    error = failure.text,
                    "no metadata yet; the first records wait for the producer id"
                );
            }
        }
    });
    if let Err(error) = started {
        tracing::debug!(%error, "the first records wait for the producer id");
    }
}

/// How long to wait for metadata before the producer id is left to librdkafka.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
