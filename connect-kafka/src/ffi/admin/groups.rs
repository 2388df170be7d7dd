//! Requests about consumer groups, each about one group. Their coordinators answer them.

use std::ptr;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_admin_op_t as Operation;

use super::super::Client;
use super::super::Element;
use super::super::Failure;
use super::super::c_text;
use super::super::elements;
use super::AdminTimeouts;
use super::CallParts;
use super::Owned;
use super::array;
use super::ask;
use super::no_result;

/// Returns the committed offsets of a group.
pub(crate) fn group_offsets(
    client: &Client,
    group: &str,
    timeouts: AdminTimeouts,
) -> Result<Vec<Element>, Failure> {
    let group = c_text(group)?;
    // SAFETY: the text outlives the call; a null list means all partitions; the object is ours.
    let raw = unsafe { sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), ptr::null()) };
    let request = Owned {
        raw,
        destroy: sys::rd_kafka_ListConsumerGroupOffsets_destroy,
    };
    let mut list = [request.raw];
    ask_about_group(
        client,
        Operation::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
        timeouts,
        // SAFETY: F1; the list has one valid element and is copied.
        |call| unsafe {
            let (list, count) = (list.as_mut_ptr(), 1);
            let (options, queue) = (call.options, call.queue);
            sys::rd_kafka_ListConsumerGroupOffsets(call.client, list, count, options, queue);
        },
        // SAFETY: the event is of this kind.
        |event, count| unsafe {
            let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(event);
            sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, count)
        },
    )
}

/// Sets committed offsets of a group; returns the result of each.
pub(crate) fn alter_group_offsets(
    client: &Client,
    group: &str,
    offsets: &TopicPartitionList,
    timeouts: AdminTimeouts,
) -> Result<Vec<Element>, Failure> {
    let group = c_text(group)?;
    // SAFETY: the text outlives the call, the list is copied; the object is ours.
    let raw = unsafe { sys::rd_kafka_AlterConsumerGroupOffsets_new(group.as_ptr(), offsets.ptr()) };
    let request = Owned {
        raw,
        destroy: sys::rd_kafka_AlterConsumerGroupOffsets_destroy,
    };
    let mut list = [request.raw];
    ask_about_group(
        client,
        Operation::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS,
        timeouts,
        // SAFETY: F1; the list has one valid element and is copied.
        |call| unsafe {
            let (list, count) = (list.as_mut_ptr(), 1);
            let (options, queue) = (call.options, call.queue);
            sys::rd_kafka_AlterConsumerGroupOffsets(call.client, list, count, options, queue);
        },
        // SAFETY: the event is of this kind.
        |event, count| unsafe {
            let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(event);
            sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, count)
        },
    )
}

/// Removes committed offsets of a group; returns the result of each.
pub(crate) fn delete_group_offsets(
    client: &Client,
    group: &str,
    partitions: &TopicPartitionList,
    timeouts: AdminTimeouts,
) -> Result<Vec<Element>, Failure> {
    let group = c_text(group)?;
    // SAFETY: the text outlives the call, the list is copied; the object is ours.
    let raw =
        unsafe { sys::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), partitions.ptr()) };
    let request = Owned {
        raw,
        destroy: sys::rd_kafka_DeleteConsumerGroupOffsets_destroy,
    };
    let mut list = [request.raw];
    ask_about_group(
        client,
        Operation::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
        timeouts,
        // SAFETY: F1; the list has one valid element and is copied.
        |call| unsafe {
            let (list, count) = (list.as_mut_ptr(), 1);
            let (options, queue) = (call.options, call.queue);
            sys::rd_kafka_DeleteConsumerGroupOffsets(call.client, list, count, options, queue);
        },
        // SAFETY: the event is of this kind.
        |event, count| unsafe {
            let result = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(event);
            sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, count)
        },
    )
}

/// Deletes a group.
pub(crate) fn delete_group(
    client: &Client,
    group: &str,
    timeouts: AdminTimeouts,
) -> Result<(), Failure> {
    let group = c_text(group)?;
    // SAFETY: the text outlives the call; the object is ours.
    let raw = unsafe { sys::rd_kafka_DeleteGroup_new(group.as_ptr()) };
    let request = Owned {
        raw,
        destroy: sys::rd_kafka_DeleteGroup_destroy,
    };
    let mut list = [request.raw];
    let deleted = ask_about_group(
        client,
        Operation::RD_KAFKA_ADMIN_OP_DELETEGROUPS,
        timeouts,
        // SAFETY: F1; the list has one valid element and is copied.
        |call| unsafe {
            let (list, count) = (list.as_mut_ptr(), 1);
            sys::rd_kafka_DeleteGroups(call.client, list, count, call.options, call.queue);
        },
        // SAFETY: the event is of this kind.
        |event, count| unsafe {
            let result = sys::rd_kafka_event_DeleteGroups_result(event);
            sys::rd_kafka_DeleteGroups_result_groups(result, count)
        },
    );
    deleted.map(drop)
}

/// Sends a request about one group, and returns the result of each of its partitions.
///
/// `results` reads the results from the event and writes their number; they live as long as the
/// event.
fn ask_about_group(
    client: &Client,
    operation: Operation,
    timeouts: AdminTimeouts,
    request: impl FnOnce(CallParts),
    results: impl FnOnce(
        *mut sys::rd_kafka_event_t,
        *mut usize,
    ) -> *mut *const sys::rd_kafka_group_result_t,
) -> Result<Vec<Element>, Failure> {
    let reply = ask(client, operation, timeouts, request)?;
    let mut count = 0;
    let groups = results(reply.raw, &raw mut count);
    // SAFETY: `groups` is null or has `count` valid results, which live as long as the event and
    // own their errors and partitions.
    unsafe {
        let Some(&group) = array(groups, count).first() else {
            return Err(no_result());
        };
        let error = sys::rd_kafka_group_result_error(group);
        if !error.is_null() {
            return Err(Failure::read(error));
        }
        Ok(elements(sys::rd_kafka_group_result_partitions(group)))
    }
}
