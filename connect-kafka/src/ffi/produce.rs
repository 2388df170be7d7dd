//! Passing records to librdkafka.

use std::ffi::c_char;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use connect_broker::ProducerRecord;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_vtype_t as Kind;
use rdkafka::types::RDKafkaErrorCode;

use super::Client;
use super::Code;
use super::Failure;
use super::c_text;
use super::check;
use super::millis;

// A token travels through librdkafka as the private pointer of its message.
const _: () = assert!(size_of::<*mut c_void>() >= size_of::<u64>());

/// A topic object of a producer.
pub(crate) struct Topic {
    raw: *mut sys::rd_kafka_topic_t,
    client: Arc<Client>,
}

// SAFETY: F1; the topic object is reference counted inside the library.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Topic {
    pub(crate) fn open(client: &Arc<Client>, name: &str) -> Result<Self, Failure> {
        let name = c_text(name)?;
        // SAFETY: F1; `name` outlives the call; a null configuration means the client's default.
        let raw =
            unsafe { sys::rd_kafka_topic_new(client.native_ptr(), name.as_ptr(), ptr::null_mut()) };
        if raw.is_null() {
            // SAFETY: reads the error of this thread's last call.
            return Err(Failure::of(unsafe { sys::rd_kafka_last_error() }));
        }
        Ok(Self {
            raw,
            client: Arc::clone(client),
        })
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: `open` made the topic; it is destroyed once, before the client it keeps alive.
        unsafe { sys::rd_kafka_topic_destroy(self.raw) };
    }
}

/// Memory that is reused to describe batches to librdkafka.
#[derive(Default)]
pub(crate) struct Scratch(Vec<sys::rd_kafka_message_t>);

// SAFETY: between calls it holds nothing, so no pointer travels.
unsafe impl Send for Scratch {}
// SAFETY: as above; it is only used through `&mut`.
unsafe impl Sync for Scratch {}

/// Passes on records of one topic that have neither headers nor timestamps, up to the first for
/// which librdkafka's queue is full. Returns how many that are. Records that fail for another
/// reason are counted, and added to `failed` with their index.
pub(crate) fn produce_batch(
    topic: &Topic,
    records: &[ProducerRecord],
    scratch: &mut Scratch,
    failed: &mut Vec<(usize, RDKafkaErrorCode)>,
) -> usize {
    let messages = &mut scratch.0;
    messages.clear();
    messages.extend(records.iter().map(|record| {
        let (payload, len) = parts(record.value.as_deref());
        let (key, key_len) = parts(record.key.as_deref());
        sys::rd_kafka_message_t {
            err: Code::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: record.partition.unwrap_or(UNASSIGNED),
            payload,
            len,
            key,
            key_len,
            offset: 0,
            _private: record.token as *mut c_void,
        }
    }));
    let count = i32::try_from(messages.len()).unwrap_or(i32::MAX);
    let flags = sys::RD_KAFKA_MSG_F_COPY | sys::RD_KAFKA_MSG_F_PARTITION;
    // SAFETY: F1; the array has at least `count` messages whose payloads and keys are borrowed from
    // `records`; with the copy flag, librdkafka only reads them during the call.
    unsafe {
        sys::rd_kafka_produce_batch(topic.raw, UNASSIGNED, flags, messages.as_mut_ptr(), count);
    }
    let mut done = 0;
    for (index, message) in messages.iter().enumerate() {
        match message.err {
            Code::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            // No later message of the batch was accepted.
            Code::RD_KAFKA_RESP_ERR__QUEUE_FULL => break,
            code => failed.push((index, code.into())),
        }
        done = index + 1;
    }
    messages.clear();
    done
}

/// Passes on one record.
pub(crate) fn produce_one(topic: &Topic, record: &ProducerRecord) -> Result<(), RDKafkaErrorCode> {
    let (value, value_len) = parts(record.value.as_deref());
    let (key, key_len) = parts(record.key.as_deref());
    let headers = Headers::of(record)?;
    let part = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
    let bytes = |ptr, size| sys::rd_kafka_vu_s__bindgen_ty_1 {
        mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr, size },
    };
    let mut parts = [
        part(
            Kind::RD_KAFKA_VTYPE_RKT,
            sys::rd_kafka_vu_s__bindgen_ty_1 { rkt: topic.raw },
        ),
        part(
            Kind::RD_KAFKA_VTYPE_PARTITION,
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                i32_: record.partition.unwrap_or(UNASSIGNED),
            },
        ),
        part(
            Kind::RD_KAFKA_VTYPE_MSGFLAGS,
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                i: sys::RD_KAFKA_MSG_F_COPY,
            },
        ),
        part(Kind::RD_KAFKA_VTYPE_VALUE, bytes(value, value_len)),
        part(Kind::RD_KAFKA_VTYPE_KEY, bytes(key, key_len)),
        part(
            Kind::RD_KAFKA_VTYPE_OPAQUE,
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                ptr: record.token as *mut c_void,
            },
        ),
        part(
            Kind::RD_KAFKA_VTYPE_TIMESTAMP,
            // Zero means the current time.
            sys::rd_kafka_vu_s__bindgen_ty_1 {
                i64_: record
                    .timestamp
                    .map_or(0, |timestamp| timestamp.as_millis()),
            },
        ),
        part(
            Kind::RD_KAFKA_VTYPE_HEADERS,
            sys::rd_kafka_vu_s__bindgen_ty_1 { headers: headers.0 },
        ),
    ];
    // Null headers must be left out.
    let count = if headers.0.is_null() {
        parts.len() - 1
    } else {
        parts.len()
    };
    // SAFETY: F1; the array has `count` parts whose types fit their values; payload and key are
    // borrowed from `record` and, with the copy flag, only read during the call.
    let error =
        unsafe { sys::rd_kafka_produceva(topic.client.native_ptr(), parts.as_mut_ptr(), count) };
    // SAFETY: the call returned null or an error object that is ours.
    match unsafe { Failure::take(error) } {
        Ok(()) => {
            // librdkafka owns the headers of a record that it accepted.
            std::mem::forget(headers);
            Ok(())
        }
        Err(failure) => Err(failure.code),
    }
}

/// Headers in librdkafka's form; null if there are none.
struct Headers(*mut sys::rd_kafka_headers_t);

impl Headers {
    fn of(record: &ProducerRecord) -> Result<Self, RDKafkaErrorCode> {
        if record.headers.is_empty() {
            return Ok(Self(ptr::null_mut()));
        }
        // SAFETY: makes an object that `self` owns.
        let headers = Self(unsafe { sys::rd_kafka_headers_new(record.headers.len()) });
        for header in &record.headers {
            let (value, len) = parts(header.value.as_deref());
            let key = header.key.as_bytes();
            // SAFETY: the object is valid; key and value are copied during the call, with their
            // lengths, which fit: slices are never longer than `isize::MAX`.
            let code = unsafe {
                sys::rd_kafka_header_add(
                    headers.0,
                    key.as_ptr().cast::<c_char>(),
                    key.len().cast_signed(),
                    value,
                    len.cast_signed(),
                )
            };
            check(code).map_err(|failure| failure.code)?;
        }
        Ok(headers)
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: `of` made the object; if librdkafka took it over, `self` was forgotten.
            unsafe { sys::rd_kafka_headers_destroy(self.0) };
        }
    }
}

/// Address and length of optional bytes; null if absent. librdkafka only reads them, though its
/// types are mutable.
fn parts(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((ptr::null_mut(), 0), |bytes| {
        (bytes.as_ptr().cast_mut().cast(), bytes.len())
    })
}

/// Waits for callbacks of a client and runs them. Returns once some have run or the time is over.
pub(crate) fn serve(client: &Client, wait: Duration) {
    // SAFETY: F1; F3 for the callbacks.
    unsafe { sys::rd_kafka_poll(client.native_ptr(), millis(wait)) };
}

/// Ends a [`serve`] that waits, or the next one if none is waiting.
pub(crate) fn wake(client: &Client) {
    // SAFETY: F1; the queue object is ours and destroyed once.
    unsafe {
        let queue = sys::rd_kafka_queue_get_main(client.native_ptr());
        sys::rd_kafka_queue_yield(queue);
        sys::rd_kafka_queue_destroy(queue);
    }
}

/// Sends records without lingering and runs callbacks. Returns once nothing is in flight or the
/// time is over.
pub(crate) fn flush(client: &Client, wait: Duration) {
    // SAFETY: F1; F3 for the callbacks. The only error is that the time is over.
    unsafe { sys::rd_kafka_flush(client.native_ptr(), millis(wait)) };
}

/// Requests metadata of the topics that the client knows, or of all topics if it knows none. Waits
/// for a connection.
///
/// Only for clients that may create topics: librdkafka 2.12 lets the broker create those it asks
/// about (`rd_kafka_metadata`).
pub(crate) fn refresh_metadata(client: &Client, timeout: Duration) -> Result<(), Failure> {
    let mut metadata = ptr::null();
    // SAFETY: F1; a null topic means the topics that the client knows; `metadata` outlives the
    // call.
    check(unsafe {
        sys::rd_kafka_metadata(
            client.native_ptr(),
            0,
            ptr::null_mut(),
            &raw mut metadata,
            millis(timeout),
        )
    })?;
    // SAFETY: the call succeeded, so this is an object that is ours.
    unsafe { sys::rd_kafka_metadata_destroy(metadata) };
    Ok(())
}

/// How many records and callbacks librdkafka still holds.
pub(crate) fn outstanding(client: &Client) -> usize {
    // SAFETY: F1.
    let count = unsafe { sys::rd_kafka_outq_len(client.native_ptr()) };
    usize::try_from(count).unwrap_or_default()
}

/// Fails all records in flight; each still gets its callback.
pub(crate) fn purge(client: &Client) {
    let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT;
    // SAFETY: F1. With these flags, the call cannot fail.
    unsafe { sys::rd_kafka_purge(client.native_ptr(), flags) };
}

/// Fails all records that were not sent yet; each still gets its callback. Does not wait.
pub(crate) fn purge_unsent(client: &Client) {
    let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_NON_BLOCKING;
    // SAFETY: F1. With these flags, the call cannot fail.
    unsafe { sys::rd_kafka_purge(client.native_ptr(), flags) };
}

/// The partitioner chooses the partition.
const UNASSIGNED: i32 = -1;
