//! Administration. All calls block until the cluster answers or the time is over.

mod groups;
mod topics;

use std::ptr;
use std::slice;
use std::time::Duration;
use std::time::Instant;

use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_admin_op_t as Operation;
use rdkafka::types::RDKafkaErrorCode;

pub(crate) use self::groups::alter_group_offsets;
pub(crate) use self::groups::delete_group;
pub(crate) use self::groups::delete_group_offsets;
pub(crate) use self::groups::group_offsets;
pub(crate) use self::topics::create_topic;
pub(crate) use self::topics::delete_topic;
pub(crate) use self::topics::describe_topic;
pub(crate) use self::topics::list_offsets;
pub(crate) use self::topics::topic_config;

use super::Client;
use super::Code;
use super::Failure;
use super::check;
use super::millis;
use super::text;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdminTimeouts {
    /// Until the cluster answers.
    pub(crate) request: Duration,
    /// Until the cluster has carried it out, where it can be told to wait for that.
    pub(crate) operation: Duration,
}

/// An object of librdkafka with its destructor.
struct Owned<T> {
    raw: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `raw` is ours and is destroyed once, by the function made for its type.
        unsafe { (self.destroy)(self.raw) };
    }
}

/// The arguments that all requests share.
#[derive(Clone, Copy)]
struct CallParts {
    client: *mut sys::rd_kafka_t,
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
}

/// How often a request checks whether its client is closing.
const CHECK: Duration = Duration::from_millis(50);

/// The longest time-out that librdkafka takes.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Sends a request and waits for its reply, an event of the requested operation.
fn ask(
    client: &Client,
    operation: Operation,
    timeouts: AdminTimeouts,
    request: impl FnOnce(CallParts),
) -> Result<Owned<sys::rd_kafka_event_t>, Failure> {
    // A request to a coordinator must not time out in librdkafka while its client lives: see
    // `admin::groups`.
    let is_for_coordinators = is_for_coordinators(operation);
    let own_limit = if is_for_coordinators {
        AN_HOUR
    } else {
        timeouts.request
    };
    let context = client.context();
    let client = client.native_ptr();
    // SAFETY: F1; the objects are ours; the buffer of the setters may be null with length 0.
    let (options, queue) = unsafe {
        let options = Owned {
            raw: sys::rd_kafka_AdminOptions_new(client, operation),
            destroy: sys::rd_kafka_AdminOptions_destroy,
        };
        let queue = Owned {
            raw: sys::rd_kafka_queue_new(client),
            destroy: sys::rd_kafka_queue_destroy,
        };
        check(sys::rd_kafka_AdminOptions_set_request_timeout(
            options.raw,
            millis(own_limit),
            ptr::null_mut(),
            0,
        ))?;
        if matches!(
            operation,
            Operation::RD_KAFKA_ADMIN_OP_CREATETOPICS | Operation::RD_KAFKA_ADMIN_OP_DELETETOPICS
        ) {
            check(sys::rd_kafka_AdminOptions_set_operation_timeout(
                options.raw,
                millis(timeouts.operation),
                ptr::null_mut(),
                0,
            ))?;
        }
        (options, queue)
    };
    request(CallParts {
        client,
        options: options.raw,
        queue: queue.raw,
    });
    let begin = Instant::now();
    let raw = loop {
        let wait = if is_for_coordinators {
            CHECK
        } else {
            // librdkafka has the time-out, so it replies in any case.
            Duration::MAX
        };
        // SAFETY: the queue is valid; the event is ours.
        let raw = unsafe { sys::rd_kafka_queue_poll(queue.raw, millis(wait)) };
        if !raw.is_null() {
            break raw;
        }
        if context.is_closing() || begin.elapsed() >= timeouts.request {
            let problem = "the coordinator of the group does not answer";
            return Err(Failure::new(RDKafkaErrorCode::OperationTimedOut, problem));
        }
    };
    let event = Owned {
        raw,
        destroy: sys::rd_kafka_event_destroy,
    };
    // SAFETY: the event is valid; F4.
    unsafe {
        let code = sys::rd_kafka_event_error(event.raw);
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            let problem = text(sys::rd_kafka_event_error_string(event.raw));
            return Err(Failure::new(code.into(), problem));
        }
    }
    Ok(event)
}

/// The array of a result; empty if it is null.
///
/// # Safety
/// `start` is null or has `count` elements that live for `'a`.
unsafe fn array<'a, T>(start: *mut *const T, count: usize) -> &'a [*const T] {
    if start.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(start, count) }
}

const fn is_for_coordinators(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS
            | Operation::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS
            | Operation::RD_KAFKA_ADMIN_OP_DELETEGROUPS
            | Operation::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS
    )
}

fn no_result() -> Failure {
    Failure::new(RDKafkaErrorCode::Fail, "the reply of the cluster is empty")
}
