//! Taking records from librdkafka, in batches.

use std::ptr;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connect_api::Timestamp;
use connect_api::TimestampType;
use connect_api::TopicName;
use connect_api::data::Text;
use connect_api::record::RawHeader;
use connect_api::record::RawHeaders;
use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_timestamp_type_t as Stamp;
use rdkafka::types::RDKafkaErrorCode;

use super::Client;
use super::Code;
use super::Element;
use super::Failure;
use super::check;
use super::elements;
use super::millis;
use super::str_of;
use super::text;

/// The queue of the records and callbacks of a consumer.
pub(crate) struct ConsumerQueue {
    raw: *mut sys::rd_kafka_queue_t,
    client: Arc<Client>,
}

// SAFETY: F1; the queue object is reference counted inside the library.
unsafe impl Send for ConsumerQueue {}
// SAFETY: as above.
unsafe impl Sync for ConsumerQueue {}

impl ConsumerQueue {
    /// The queue of a consumer, with everything else of the client redirected to it.
    pub(crate) fn open(client: &Arc<Client>) -> Result<Self, Failure> {
        // SAFETY: F1.
        check(unsafe { sys::rd_kafka_poll_set_consumer(client.native_ptr()) })?;
        // SAFETY: F1; the queue object is ours.
        let raw = unsafe { sys::rd_kafka_queue_get_consumer(client.native_ptr()) };
        if raw.is_null() {
            return Err(Failure::new(
                RDKafkaErrorCode::InvalidArgument,
                "not a consumer",
            ));
        }
        Ok(Self {
            raw,
            client: Arc::clone(client),
        })
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Ends a [`take`](Self::take) that waits, or the next one if none is waiting.
    pub(crate) fn wake(&self) {
        // SAFETY: F1.
        unsafe { sys::rd_kafka_queue_yield(self.raw) };
    }

    /// Waits for the first of up to `limit` records, then takes those that are available. Runs
    /// callbacks of the client. Must not be called by two threads at the same time.
    pub(crate) fn take(
        &self,
        limit: usize,
        wait: Duration,
        scratch: &mut Batch,
        mut each: impl FnMut(&Fetched<'_>),
    ) {
        let messages = &mut scratch.0;
        messages.clear();
        messages.resize(limit.max(1), ptr::null_mut());
        // SAFETY: F1, F3; the array has room for as many messages as are requested.
        let got = unsafe {
            sys::rd_kafka_consume_batch_queue(self.raw, millis(wait), messages.as_mut_ptr(), 1)
        };
        let mut count = usize::try_from(got).unwrap_or_default();
        if count == 1 && limit > 1 {
            // SAFETY: as above, with the room that is left after the first message.
            let more = unsafe {
                sys::rd_kafka_consume_batch_queue(
                    self.raw,
                    0,
                    messages.as_mut_ptr().add(1),
                    messages.len() - 1,
                )
            };
            count += usize::try_from(more).unwrap_or_default();
        }
        for &message in messages.iter().take(count) {
            // SAFETY: the calls wrote `count` valid messages that are ours; each is destroyed once,
            // after `each` has returned what borrows from it.
            unsafe {
                each(&Fetched { message: &*message });
                sys::rd_kafka_message_destroy(message);
            }
        }
        messages.clear();
    }
}

impl Drop for ConsumerQueue {
    fn drop(&mut self) {
        // SAFETY: `open` made the object; it is destroyed once, before the client it keeps alive.
        unsafe { sys::rd_kafka_queue_destroy(self.raw) };
    }
}

/// Memory that is reused to take batches.
#[derive(Default)]
pub(crate) struct Batch(Vec<*mut sys::rd_kafka_message_t>);

// SAFETY: between calls it holds nothing, so no pointer travels.
unsafe impl Send for Batch {}

/// A record, or an error in its place, while librdkafka holds it.
pub(crate) struct Fetched<'a> {
    message: &'a sys::rd_kafka_message_t,
}

/// An error in place of a record.
#[derive(Debug)]
pub(crate) struct FetchedError {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) text: String,
    /// The topic that it is about, if any.
    pub(crate) topic: Option<TopicName>,
    /// The partition, if the error is about one.
    pub(crate) partition: i32,
}

impl Fetched<'_> {
    pub(crate) fn error(&self) -> Option<FetchedError> {
        if self.message.err == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: the message is valid; F4.
        let text = unsafe { text(sys::rd_kafka_message_errstr(self.message)) };
        let topic = Some(self.topic())
            .filter(|name| !name.is_empty())
            .map(TopicName::new);
        Some(FetchedError {
            code: self.message.err.into(),
            text,
            topic,
            partition: self.message.partition,
        })
    }

    /// Equal for records of the same topic of this client.
    pub(crate) fn topic_id(&self) -> usize {
        self.message.rkt as usize
    }

    /// The topic; empty for an error that is not about one.
    pub(crate) fn topic(&self) -> &str {
        if self.message.rkt.is_null() {
            return "";
        }
        // SAFETY: a message keeps its topic alive; F4.
        unsafe { str_of(sys::rd_kafka_topic_name(self.message.rkt)) }
    }

    pub(crate) fn partition(&self) -> i32 {
        self.message.partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.message.offset
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        // SAFETY: a valid message has `key_len` bytes of key, or none; they live as long as it.
        (!self.message.key.is_null()).then(|| unsafe {
            slice::from_raw_parts(self.message.key.cast::<u8>(), self.message.key_len)
        })
    }

    /// The value. For an error, it is the text.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        // SAFETY: as for the key.
        (!self.message.payload.is_null()).then(|| unsafe {
            slice::from_raw_parts(self.message.payload.cast::<u8>(), self.message.len)
        })
    }

    pub(crate) fn timestamp(&self) -> (Option<Timestamp>, TimestampType) {
        let mut kind = Stamp::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is valid; `kind` outlives the call.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.message, &raw mut kind) };
        match kind {
            Stamp::RD_KAFKA_TIMESTAMP_CREATE_TIME => (
                Some(Timestamp::from_millis(millis)),
                TimestampType::CreateTime,
            ),
            Stamp::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => (
                Some(Timestamp::from_millis(millis)),
                TimestampType::LogAppendTime,
            ),
            Stamp::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => (None, TimestampType::NoTimestamp),
        }
    }

    /// The headers, copied.
    pub(crate) fn headers(&self) -> RawHeaders {
        let mut list = ptr::null_mut();
        // SAFETY: the message is valid and keeps its headers; `list` outlives the call.
        let code = unsafe { sys::rd_kafka_message_headers(self.message, &raw mut list) };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return RawHeaders::new();
        }
        // SAFETY: the call gave a valid list.
        let count = unsafe { sys::rd_kafka_header_cnt(list) };
        (0..count).filter_map(|index| header(list, index)).collect()
    }
}

fn header(list: *const sys::rd_kafka_headers_t, index: usize) -> Option<RawHeader> {
    let mut name = ptr::null();
    let mut value = ptr::null();
    let mut size = 0;
    // SAFETY: `headers` passes a valid list; the places outlive the call.
    let code = unsafe {
        sys::rd_kafka_header_get_all(list, index, &raw mut name, &raw mut value, &raw mut size)
    };
    if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: F4, as long as the message lives; a value that is not null has `size` bytes.
    unsafe {
        let value = (!value.is_null())
            .then(|| Bytes::copy_from_slice(slice::from_raw_parts(value.cast::<u8>(), size)));
        Some(RawHeader {
            key: Text::from(text(name)),
            value,
        })
    }
}

pub(crate) fn subscribe(client: &Client, topics: &TopicPartitionList) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid and copied.
    check(unsafe { sys::rd_kafka_subscribe(client.native_ptr(), topics.ptr()) })
}

pub(crate) fn assign(client: &Client, partitions: &TopicPartitionList) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid and copied.
    check(unsafe { sys::rd_kafka_assign(client.native_ptr(), partitions.ptr()) })
}

pub(crate) fn unassign(client: &Client) -> Result<(), Failure> {
    // SAFETY: F1; null means no partitions.
    check(unsafe { sys::rd_kafka_assign(client.native_ptr(), ptr::null()) })
}

pub(crate) fn incremental_assign(
    client: &Client,
    partitions: &TopicPartitionList,
) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid and copied; the error object is ours.
    unsafe {
        Failure::take(sys::rd_kafka_incremental_assign(
            client.native_ptr(),
            partitions.ptr(),
        ))
    }
}

pub(crate) fn incremental_unassign(
    client: &Client,
    partitions: &TopicPartitionList,
) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid and copied; the error object is ours.
    unsafe {
        Failure::take(sys::rd_kafka_incremental_unassign(
            client.native_ptr(),
            partitions.ptr(),
        ))
    }
}

pub(crate) fn pause(client: &Client, partitions: &TopicPartitionList) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid for the call.
    check(unsafe { sys::rd_kafka_pause_partitions(client.native_ptr(), partitions.ptr()) })
}

pub(crate) fn resume(client: &Client, partitions: &TopicPartitionList) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid for the call.
    check(unsafe { sys::rd_kafka_resume_partitions(client.native_ptr(), partitions.ptr()) })
}

/// Moves positions; returns the result of each partition.
pub(crate) fn seek(
    client: &Client,
    partitions: &TopicPartitionList,
    timeout: Duration,
) -> Result<Vec<Element>, Failure> {
    // SAFETY: F1; the list is valid, and its results are read after the call; the error is ours.
    unsafe {
        Failure::take(sys::rd_kafka_seek_partitions(
            client.native_ptr(),
            partitions.ptr(),
            millis(timeout),
        ))?;
        Ok(elements(partitions.ptr()))
    }
}

/// Commits offsets and waits for the answer.
pub(crate) fn commit(client: &Client, offsets: &TopicPartitionList) -> Result<(), Failure> {
    // SAFETY: F1; the list is valid and copied.
    check(unsafe { sys::rd_kafka_commit(client.native_ptr(), offsets.ptr(), 0) })
}

/// What the group has committed.
pub(crate) fn committed(
    client: &Client,
    partitions: &TopicPartitionList,
    timeout: Duration,
) -> Result<Vec<Element>, Failure> {
    // SAFETY: F1; the list is valid, and its results are read after the call.
    unsafe {
        check(sys::rd_kafka_committed(
            client.native_ptr(),
            partitions.ptr(),
            millis(timeout),
        ))?;
        Ok(elements(partitions.ptr()))
    }
}

/// Looks up offsets: each element of `times` has a time or a logical offset in place of the offset.
pub(crate) fn offsets_for_times(
    client: &Client,
    times: &TopicPartitionList,
    timeout: Duration,
) -> Result<Vec<Element>, Failure> {
    // SAFETY: F1; the list is valid, and its results are read after the call.
    unsafe {
        check(sys::rd_kafka_offsets_for_times(
            client.native_ptr(),
            times.ptr(),
            millis(timeout),
        ))?;
        Ok(elements(times.ptr()))
    }
}

/// Leaves the group and stops reading. Blocks until the coordinator answers.
pub(crate) fn close(client: &Client) {
    client.context().set_closing();
    // SAFETY: F1, F3. An error is ignored: the consumer ends in any case.
    unsafe { sys::rd_kafka_consumer_close(client.native_ptr()) };
}
