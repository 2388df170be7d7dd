//! Transactions. All calls block until the coordinator answers or the time is over.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;

use super::Client;
use super::Failure;
use super::c_text;
use super::millis;

pub(crate) fn init_transactions(client: &Client, timeout: Duration) -> Result<(), Failure> {
    // SAFETY: F1; the error object is ours.
    unsafe {
        Failure::take(sys::rd_kafka_init_transactions(
            client.native_ptr(),
            millis(timeout),
        ))
    }
}

pub(crate) fn begin_transaction(client: &Client) -> Result<(), Failure> {
    // SAFETY: F1; the error object is ours.
    unsafe { Failure::take(sys::rd_kafka_begin_transaction(client.native_ptr())) }
}

pub(crate) fn commit_transaction(client: &Client, timeout: Duration) -> Result<(), Failure> {
    // SAFETY: F1; the error object is ours.
    unsafe {
        Failure::take(sys::rd_kafka_commit_transaction(
            client.native_ptr(),
            millis(timeout),
        ))
    }
}

pub(crate) fn abort_transaction(client: &Client, timeout: Duration) -> Result<(), Failure> {
    // SAFETY: F1; the error object is ours.
    unsafe {
        Failure::take(sys::rd_kafka_abort_transaction(
            client.native_ptr(),
            millis(timeout),
        ))
    }
}

pub(crate) fn send_offsets(
    client: &Client,
    group: &str,
    offsets: &TopicPartitionList,
    timeout: Duration,
) -> Result<(), Failure> {
    let group = c_text(group)?;
    // SAFETY: F1; `group` and `offsets` outlive the calls; the metadata object is ours and is
    // destroyed once, after its use; the error object is ours.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata_new(group.as_ptr());
        let error = sys::rd_kafka_send_offsets_to_transaction(
            client.native_ptr(),
            offsets.ptr(),
            metadata,
            millis(timeout),
        );
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        Failure::take(error)
    }
}
