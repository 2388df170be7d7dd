//! The functions of librdkafka that the `rdkafka` crate does not wrap, each behind a safe function.
//!
//! This is the only module with unsafe code. Its proofs rely on:
//!
//! * **F1** librdkafka's functions may be called from any thread (its documentation says so), and
//!   a [`Client`] keeps its handle alive.
//! * **F2** The opaque pointer of a handle is the [`Context`] that its [`Client`] owns; the client
//!   destroys the handle before the context, so callbacks find it alive.
//! * **F3** Callbacks run on a thread of ours that is inside a call of librdkafka (the check of a
//!   certificate on a thread of librdkafka), and never unwind: `callbacks` contains panics.
//! * **F4** Texts of librdkafka end with a zero byte and live as long as what they were taken from.

#![expect(unsafe_code, reason = "calls into the C library")]

mod admin;
mod callbacks;
mod consume;
mod produce;
mod transact;

use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_int;
use std::sync::Arc;
use std::time::Duration;

use connect_api::TopicPartition;
use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::types::RDKafkaType;

pub(crate) use self::admin::AdminTimeouts;
pub(crate) use self::admin::alter_group_offsets;
pub(crate) use self::admin::create_topic;
pub(crate) use self::admin::delete_group;
pub(crate) use self::admin::delete_group_offsets;
pub(crate) use self::admin::delete_topic;
pub(crate) use self::admin::describe_topic;
pub(crate) use self::admin::group_offsets;
pub(crate) use self::admin::list_offsets;
pub(crate) use self::admin::topic_config;
pub(crate) use self::consume::Batch;
pub(crate) use self::consume::ConsumerQueue;
pub(crate) use self::consume::Fetched;
pub(crate) use self::consume::FetchedError;
pub(crate) use self::consume::assign;
pub(crate) use self::consume::close;
pub(crate) use self::consume::commit;
pub(crate) use self::consume::committed;
pub(crate) use self::consume::incremental_assign;
pub(crate) use self::consume::incremental_unassign;
pub(crate) use self::consume::offsets_for_times;
pub(crate) use self::consume::pause;
pub(crate) use self::consume::resume;
pub(crate) use self::consume::seek;
pub(crate) use self::consume::subscribe;
pub(crate) use self::consume::unassign;
pub(crate) use self::produce::Scratch;
pub(crate) use self::produce::Topic;
pub(crate) use self::produce::flush;
pub(crate) use self::produce::outstanding;
pub(crate) use self::produce::produce_batch;
pub(crate) use self::produce::produce_one;
pub(crate) use self::produce::purge;
pub(crate) use self::produce::purge_unsent;
pub(crate) use self::produce::refresh_metadata;
pub(crate) use self::produce::serve;
pub(crate) use self::produce::wake;
pub(crate) use self::transact::abort_transaction;
pub(crate) use self::transact::begin_transaction;
pub(crate) use self::transact::commit_transaction;
pub(crate) use self::transact::init_transactions;
pub(crate) use self::transact::send_offsets;

use crate::callbacks::Context;

/// A handle of librdkafka whose callbacks are passed to a [`Context`].
pub(crate) type Client = rdkafka::client::Client<Context>;

/// An error of librdkafka.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) text: String,
    /// The call may succeed if it is made again.
    pub(crate) retriable: bool,
    /// The client can no longer be used.
    pub(crate) fatal: bool,
    /// The transaction must be aborted.
    pub(crate) requires_abort: bool,
}

impl Failure {
    pub(crate) fn new(code: RDKafkaErrorCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            retriable: false,
            fatal: false,
            requires_abort: false,
        }
    }

    fn of(code: Code) -> Self {
        // SAFETY: F4; the text is static.
        let text = unsafe { text(sys::rd_kafka_err2str(code)) };
        Self::new(code.into(), text)
    }

    /// Takes ownership of an error object; null means success.
    ///
    /// # Safety
    /// `error` is null or a valid error object that the caller owns.
    unsafe fn take(error: *mut sys::rd_kafka_error_t) -> Result<(), Self> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: the caller owns the valid object; it is not used after it was destroyed.
        let failure = unsafe { Self::read(error) };
        // SAFETY: as above.
        unsafe { sys::rd_kafka_error_destroy(error) };
        Err(failure)
    }

    /// Reads an error object.
    ///
    /// # Safety
    /// `error` is a valid error object.
    unsafe fn read(error: *const sys::rd_kafka_error_t) -> Self {
        // SAFETY: the caller vouches for the object; F4.
        unsafe {
            Self {
                code: sys::rd_kafka_error_code(error).into(),
                text: text(sys::rd_kafka_error_string(error)),
                retriable: sys::rd_kafka_error_is_retriable(error) != 0,
                fatal: sys::rd_kafka_error_is_fatal(error) != 0,
                requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
            }
        }
    }
}

fn check(code: Code) -> Result<(), Failure> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    Err(Failure::of(code))
}

/// Opens a client whose callbacks are passed to `context`.
pub(crate) fn open(
    kind: RDKafkaType,
    config: &ClientConfig,
    context: Context,
) -> Result<Arc<Client>, KafkaError> {
    let mut config = config.clone();
    // The host's subscriber decides which lines are wanted.
    config.set_log_level(RDKafkaLogLevel::Debug);
    let native = config.create_native_config()?;
    let conf = native.ptr();
    // SAFETY: `conf` is a valid configuration that `native` owns; the callbacks have the signatures
    // that the bindings ask for, and their opaque pointer is set by `Client::new` (F2).
    unsafe {
        sys::rd_kafka_conf_set_log_cb(conf, Some(callbacks::on_log));
        sys::rd_kafka_conf_set_error_cb(conf, Some(callbacks::on_error));
        sys::rd_kafka_conf_set_ssl_cert_verify_cb(conf, Some(callbacks::on_certificate));
        if kind == RDKafkaType::RD_KAFKA_CONSUMER {
            sys::rd_kafka_conf_set_rebalance_cb(conf, Some(callbacks::on_rebalance));
        } else {
            sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(callbacks::on_delivered));
        }
    }
    Client::new(&config, native, kind, context).map(Arc::new)
}

/// One element of a list of partitions.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) partition: TopicPartition,
    /// An offset, or one of librdkafka's negative constants.
    pub(crate) offset: i64,
    pub(crate) error: Option<RDKafkaErrorCode>,
}

/// Copies a list of partitions.
///
/// # Safety
/// `list` is null or a valid list.
unsafe fn elements(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<Element> {
    // SAFETY: the caller vouches for the list, whose `elems` has `cnt` valid elements; F4.
    unsafe {
        let Some(list) = list.as_ref() else {
            return Vec::new();
        };
        let count = usize::try_from(list.cnt).unwrap_or_default();
        if count == 0 {
            return Vec::new();
        }
        std::slice::from_raw_parts(list.elems, count)
            .iter()
            .map(|each| element(each))
            .collect()
    }
}

/// Copies one element.
///
/// # Safety
/// Its topic is a valid text.
unsafe fn element(element: &sys::rd_kafka_topic_partition_t) -> Element {
    Element {
        // SAFETY: the caller's promise.
        partition: TopicPartition::new(unsafe { str_of(element.topic) }, element.partition),
        offset: element.offset,
        error: (element.err != Code::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| element.err.into()),
    }
}

/// A text of librdkafka, copied; null is empty.
///
/// # Safety
/// `pointer` is null or a valid text.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .into_owned()
}

/// A text of librdkafka that is valid UTF-8, such as a topic name; empty if it is not.
///
/// # Safety
/// `pointer` is a valid text that lives for `'a`.
unsafe fn str_of<'a>(pointer: *const c_char) -> &'a str {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }
        .to_str()
        .unwrap_or_default()
}

/// Puts a client into the state of a fatal error, as if the cluster had answered with this code.
#[cfg(test)]
pub(crate) fn set_fatal_error(client: &Client, code: Code) {
    // SAFETY: F1; the text is copied.
    unsafe { sys::rd_kafka_test_fatal_error(client.native_ptr(), code, c"set by a test".as_ptr()) };
}

fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| {
        Failure::new(
            RDKafkaErrorCode::InvalidArgument,
            format!(
                "\"{}\" contains a zero byte; remove it",
                text.replace('\0', "\\0")
            ),
        )
    })
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}
