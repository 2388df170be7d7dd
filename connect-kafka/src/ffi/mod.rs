//! The calls of librdkafka that the `rdkafka` crate does not wrap, each behind a safe function.
//!
//! This is the only module with unsafe code. What its proofs rely on:
//!
//! * **F1** librdkafka's functions may be called from any thread (its documentation says so), and
//!   a [`Client`] keeps its handle alive.
//! * **F2** The opaque pointer of a handle is the [`Context`] that its [`Client`] owns; the client
//!   destroys the handle before the context, so callbacks find it alive.
//! * **F3** Callbacks run on a thread of ours that is inside a call of librdkafka (the check of a
//!   certificate on a thread of its own), and never unwind: a panic in one aborts the process.
//! * **F4** Texts of librdkafka end with a zero and live as long as what they were taken from.

#![expect(unsafe_code, reason = "calls into the C library")]

mod admin;
mod consume;
mod produce;
mod transact;

use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
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

pub(crate) use admin::AdminTimeouts;
pub(crate) use admin::alter_group_offsets;
pub(crate) use admin::create_topic;
pub(crate) use admin::delete_group;
pub(crate) use admin::delete_group_offsets;
pub(crate) use admin::delete_topic;
pub(crate) use admin::describe_topic;
pub(crate) use admin::group_offsets;
pub(crate) use admin::list_offsets;
pub(crate) use admin::topic_config;
pub(crate) use consume::Batch;
pub(crate) use consume::ConsumerQueue;
pub(crate) use consume::Fetched;
pub(crate) use consume::FetchedError;
pub(crate) use consume::assign;
pub(crate) use consume::close;
pub(crate) use consume::commit;
pub(crate) use consume::committed;
pub(crate) use consume::incremental_assign;
pub(crate) use consume::incremental_unassign;
pub(crate) use consume::offsets_for_times;
pub(crate) use consume::pause;
pub(crate) use consume::resume;
pub(crate) use consume::seek;
pub(crate) use consume::subscribe;
pub(crate) use consume::unassign;
pub(crate) use produce::Scratch;
pub(crate) use produce::Topic;
pub(crate) use produce::flush;
pub(crate) use produce::outstanding;
pub(crate) use produce::produce_batch;
pub(crate) use produce::produce_one;
pub(crate) use produce::purge;
pub(crate) use produce::purge_unsent;
pub(crate) use produce::refresh_metadata;
pub(crate) use produce::serve;
pub(crate) use produce::wake;
pub(crate) use transact::abort_transaction;
pub(crate) use transact::begin_transaction;
pub(crate) use transact::commit_transaction;
pub(crate) use transact::init_transactions;
pub(crate) use transact::send_offsets;

use crate::context::Context;
use crate::context::Delivered;
use crate::context::Rebalance;
use crate::context::certificate_problem;

/// A handle of librdkafka whose callbacks reach a [`Context`].
pub(crate) type Client = rdkafka::client::Client<Context>;

/// A refusal of librdkafka: its code and its text.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) text: String,
    /// The call can be made again.
    pub(crate) retriable: bool,
    /// The client cannot be used any more.
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

    /// Takes over an error object; null is success.
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

/// Makes a client whose callbacks reach `context`.
pub(crate) fn open(
    kind: RDKafkaType,
    config: &ClientConfig,
    context: Context,
) -> Result<Arc<Client>, KafkaError> {
    let mut config = config.clone();
    // Which of them are wanted is the business of the host's subscriber.
    config.set_log_level(RDKafkaLogLevel::Debug);
    let native = config.create_native_config()?;
    let conf = native.ptr();
    // SAFETY: `conf` is a valid configuration that `native` owns; the callbacks have the signatures
    // that the bindings ask for, and their opaque pointer is set by `Client::new` (F2).
    unsafe {
        sys::rd_kafka_conf_set_log_cb(conf, Some(on_log));
        sys::rd_kafka_conf_set_error_cb(conf, Some(on_error));
        sys::rd_kafka_conf_set_ssl_cert_verify_cb(conf, Some(on_certificate));
        if kind == RDKafkaType::RD_KAFKA_CONSUMER {
            sys::rd_kafka_conf_set_rebalance_cb(conf, Some(on_rebalance));
        } else {
            sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(on_delivered));
        }
    }
    Client::new(&config, native, kind, context).map(Arc::new)
}

/// The context of a handle.
///
/// # Safety
/// `opaque` is the opaque pointer of a handle that [`open`] made, and the reference does not outlive
/// the callback that got it (F2).
unsafe fn context<'a>(opaque: *mut c_void) -> &'a Context {
    // SAFETY: F2, and the caller's promise.
    unsafe { &*opaque.cast::<Context>() }
}

unsafe extern "C" fn on_log(
    rk: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    // SAFETY: the handle is valid within its callback; F2, F4.
    unsafe { context(sys::rd_kafka_opaque(rk)).on_log(level, &text(facility), &text(line)) };
}

unsafe extern "C" fn on_error(
    rk: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    let code = Code::try_from(code).unwrap_or(Code::RD_KAFKA_RESP_ERR_UNKNOWN);
    // SAFETY: the handle is valid within its callback; F2, F4. The controller is known once the
    // cluster has described itself, which it does to those only that it has let in.
    unsafe {
        let was_let_in = sys::rd_kafka_controllerid(rk, 0) >= 0;
        context(opaque).on_error(code.into(), text(reason), was_let_in);
    };
}

/// Says whether a certificate is accepted. OpenSSL has checked it already; this only notes why it was
/// refused.
unsafe extern "C" fn on_certificate(
    _: *mut sys::rd_kafka_t,
    broker: *const c_char,
    _: i32,
    error: *mut c_int,
    _: c_int,
    _: *const c_char,
    _: usize,
    _: *mut c_char,
    _: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka passes a valid place for the error; F2, F4.
    unsafe {
        if *error == 0 {
            return 1;
        }
        let broker = text(broker);
        let problem = certificate_problem(*error, &broker);
        context(opaque).on_bad_certificate(&broker, problem);
    }
    0
}

unsafe extern "C" fn on_delivered(
    _: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a valid message that lives until the callback returns, with a valid
    // topic; F2, F4. The private pointer is the token that `produce` put there.
    unsafe {
        let Some(message) = message.as_ref() else {
            return;
        };
        let error = (message.err != Code::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| message.err.into());
        context(opaque).on_delivered(&Delivered {
            token: message._private as u64,
            error,
            topic_id: message.rkt as usize,
            topic: &|| str_of(sys::rd_kafka_topic_name(message.rkt)),
            partition: message.partition,
            offset: message.offset,
            size: message.len + message.key_len,
        });
    }
}

unsafe extern "C" fn on_rebalance(
    rk: *mut sys::rd_kafka_t,
    code: Code,
    partitions: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    // SAFETY: librdkafka passes a valid handle and a valid list that lives until the callback
    // returns; F2, F4.
    unsafe {
        let protocol = sys::rd_kafka_rebalance_protocol(rk);
        let cooperative = !protocol.is_null() && str_of(protocol) == "COOPERATIVE";
        let context = context(opaque);
        if context.is_closing() {
            // Nobody is there to answer.
            if cooperative {
                drop(Failure::take(sys::rd_kafka_incremental_unassign(
                    rk, partitions,
                )));
            } else {
                sys::rd_kafka_assign(rk, std::ptr::null());
            }
            return;
        }
        context.on_rebalance(Rebalance {
            assign: code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS,
            lost: sys::rd_kafka_assignment_lost(rk) != 0,
            cooperative,
            partitions: elements(partitions)
                .into_iter()
                .map(|entry| entry.partition)
                .collect(),
        });
    }
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

/// A text of librdkafka that is UTF-8, as topic names are; else empty.
///
/// # Safety
/// `pointer` is a valid text that lives for `'a`.
unsafe fn str_of<'a>(pointer: *const c_char) -> &'a str {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(pointer) }
        .to_str()
        .unwrap_or_default()
}

/// Makes a client give up, as if the cluster had answered with this code.
#[cfg(test)]
pub(crate) fn fail_for_good(client: &Client, code: Code) {
    // SAFETY: F1; the text is copied.
    unsafe {
        sys::rd_kafka_test_fatal_error(client.native_ptr(), code, c"as a test wants".as_ptr())
    };
}

fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| {
        Failure::new(
            RDKafkaErrorCode::InvalidArgument,
            format!("{text:?} contains a zero byte"),
        )
    })
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}
