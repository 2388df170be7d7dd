//! From options to a producer.

use std::sync::Arc;
use std::time::Duration;

use connect_broker::BrokerError;
use connect_broker::ProducerOptions;

use super::KafkaProducer;
use super::connection::ConnectionSettings;
use super::ledger::Ledger;
use super::linger::NATIVE_LINGER;
use super::receipts::KafkaReceipts;
use crate::client::timeouts;
use crate::config::Role;
use crate::config::Settings;
use crate::config::SharedOptions;

/// Opens a producer. With a transactional id, fences the older producers of the id.
pub(crate) async fn open(
    shared: &SharedOptions,
    options: ProducerOptions,
) -> Result<(KafkaProducer, KafkaReceipts), BrokerError> {
    let ProducerOptions {
        client_id,
        transactional_id,
        client_config,
        ..
    } = options;
    let mut settings = shared.settings(Role::Producer, &client_config, &client_id)?;
    settings.set_default("partitioner", "murmur2_random");
    settings.set_default("enable.idempotence", "true");
    settings.set_default("message.max.bytes", settings.max_record_bytes.to_string());
    // The records and bytes in flight are limited by `KafkaProducer`.
    settings.set_default("queue.buffering.max.messages", "0");
    settings.set_default("queue.buffering.max.kbytes", i32::MAX.to_string());
    if let Some(id) = &transactional_id {
        settings.config.set("transactional.id", id);
        settings.config.set("enable.idempotence", "true");
        let timeout = options.transaction_timeout.as_millis().to_string();
        settings.set_default("transaction.timeout.ms", timeout);
        settings.bound_by_transaction();
    }
    let (full_batch, linger) = (full_batch(&settings), settings.linger);
    let native = native_linger(&settings).as_millis().to_string();
    settings.set_default("linger.ms", native);
    // How long records without a key go to one partition. librdkafka derives it from its
    // `linger.ms`, so the user's value is applied here.
    let sticky = (linger * 2).as_millis().min(900_000).to_string();
    settings.set_default("sticky.partitioning.linger.ms", sticky);
    let limit = options.max_in_flight_bytes;
    let limit = settings
        .buffer_memory
        .map_or(limit, |memory| memory.min(limit));
    let ledger = Arc::new(Ledger::new(
        transactional_id.clone(),
        settings.max_record_bytes,
    ));
    let receipts = KafkaReceipts::new(Arc::clone(&ledger), timeouts(&settings));
    let how = ConnectionSettings {
        settings,
        transactional_id,
        max_in_flight_bytes: limit.max(1),
        linger,
        full_batch,
    };
    Ok((KafkaProducer::open(how, ledger).await?, receipts))
}

/// How many records and bytes make a batch full: the options of librdkafka, or its defaults.
fn full_batch(settings: &Settings) -> (usize, usize) {
    let limit = |name, default| {
        let set = settings.number(name);
        set.and_then(|set| usize::try_from(set).ok())
            .unwrap_or(default)
    };
    (
        limit("batch.num.messages", 10_000),
        limit("batch.size", 1_000_000),
    )
}

/// The `linger.ms` of librdkafka, which must be less than the time-outs of records.
fn native_linger(settings: &Settings) -> Duration {
    let names = [
        "delivery.timeout.ms",
        "message.timeout.ms",
        "transaction.timeout.ms",
    ];
    let timeout = names
        .iter()
        .filter_map(|name| settings.number(name))
        .filter(|millis| *millis > 0)
        .min();
    timeout.map_or(NATIVE_LINGER, |millis| {
        NATIVE_LINGER.min(Duration::from_millis(millis / 2))
    })
}
