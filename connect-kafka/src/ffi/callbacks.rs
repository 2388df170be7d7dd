//! The functions that librdkafka calls. Each passes its arguments to the [`Context`] of its client
//! and contains panics.

use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use rdkafka::bindings as sys;

use super::Code;
use super::Failure;
use super::elements;
use super::str_of;
use super::text;
use crate::callbacks::Context;
use crate::callbacks::Delivered;
use crate::callbacks::Rebalance;
use crate::callbacks::certificate_problem;

/// Runs the body of a callback. A panic must not unwind into librdkafka, which would abort the
/// process, so it ends here: a subscriber of the host's `tracing` may panic, for instance. The
/// panic hook has reported it already; logging it might only panic again.
fn contain(body: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(body)) {
        // Its destructor may panic as well.
        mem::forget(payload);
    }
}

/// The context of a handle.
///
/// # Safety `opaque` is the opaque pointer of a handle that [`open`](super::open) made, and the
/// reference does not outlive the callback that got it (F2).
unsafe fn context<'a>(opaque: *mut c_void) -> &'a Context {
    // SAFETY: F2, and the caller's promise.
    unsafe { &*opaque.cast::<Context>() }
}

pub(super) unsafe extern "C" fn on_log(
    rk: *const sys::rd_kafka_t,
    level: c_int,
    facility: *const c_char,
    line: *const c_char,
) {
    contain(|| {
        // SAFETY: the handle is valid within its callback; F2, F4.
        unsafe { context(sys::rd_kafka_opaque(rk)).on_log(level, &text(facility), &text(line)) };
    });
}

pub(super) unsafe extern "C" fn on_error(
    rk: *mut sys::rd_kafka_t,
    code: c_int,
    reason: *const c_char,
    opaque: *mut c_void,
) {
    contain(|| {
        let code = Code::try_from(code).unwrap_or(Code::RD_KAFKA_RESP_ERR_UNKNOWN);
        // SAFETY: the handle is valid within its callback; F2, F4. The controller is known once the
        // cluster has sent metadata, which it sends only to clients that it has accepted.
        unsafe {
            let was_accepted = sys::rd_kafka_controllerid(rk, 0) >= 0;
            context(opaque).on_error(code.into(), &text(reason), was_accepted);
        };
    });
}

/// Returns whether a certificate is accepted. OpenSSL has checked it already; this only notes why
/// it was refused.
pub(super) unsafe extern "C" fn on_certificate(
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
    // SAFETY: librdkafka passes a valid place for the error.
    let error = unsafe { *error };
    if error == 0 {
        return 1;
    }
    contain(|| {
        // SAFETY: F2, F4.
        unsafe {
            let broker = text(broker);
            let problem = certificate_problem(error, &broker);
            context(opaque).on_bad_certificate(&broker, &problem);
        }
    });
    0
}

pub(super) unsafe extern "C" fn on_delivered(
    _: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    contain(|| {
        // SAFETY: librdkafka passes a valid message that lives until the callback returns, with a
        // valid topic; F2, F4. The private pointer is the token that `produce` put there.
        unsafe {
            let Some(message) = message.as_ref() else {
                return;
            };
            let error =
                (message.err != Code::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| message.err.into());
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
    });
}

pub(super) unsafe extern "C" fn on_rebalance(
    rk: *mut sys::rd_kafka_t,
    code: Code,
    partitions: *mut sys::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    contain(|| {
        // SAFETY: librdkafka passes a valid handle and a valid list that lives until the callback
        // returns; F2, F4.
        unsafe {
            let protocol = sys::rd_kafka_rebalance_protocol(rk);
            let cooperative = !protocol.is_null() && str_of(protocol) == "COOPERATIVE";
            let context = context(opaque);
            if context.is_closing() {
                // Nobody will answer.
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
    });
}
