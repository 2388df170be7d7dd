//! Administration. All calls block until the cluster answered or the time is over.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::ptr;
use std::slice;
use std::time::Duration;
use std::time::Instant;

use connect_broker::Isolation;
use connect_broker::admin::NewTopic;
use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_admin_op_t as Operation;
use rdkafka::types::RDKafkaErrorCode;

use super::Client;
use super::Code;
use super::Element;
use super::Failure;
use super::c_text;
use super::check;
use super::element;
use super::elements;
use super::millis;
use super::text;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdminTimeouts {
    /// Until the cluster answers.
    pub(crate) request: Duration,
    /// Until the cluster has done it, where it can be told to wait.
    pub(crate) operation: Duration,
}

pub(crate) fn create_topic(
    client: &Client,
    topic: &NewTopic,
    timeouts: AdminTimeouts,
) -> Result<(), Failure> {
    let name = c_text(&topic.name)?;
    let config = topic
        .config
        .iter()
        .map(|(key, value)| Ok((c_text(key)?, c_text(value)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut problem = [0; 512];
    // SAFETY: the texts outlive the call; the buffer has the length that is told; the object is ours.
    let raw = unsafe {
        sys::rd_kafka_NewTopic_new(
            name.as_ptr(),
            topic.partitions.unwrap_or(-1),
            topic.replication_factor.map_or(-1, c_int::from),
            problem.as_mut_ptr(),
            problem.len(),
        )
    };
    if raw.is_null() {
        // SAFETY: the call ended the text in the buffer with a zero.
        let problem = unsafe { text(problem.as_ptr()) };
        return Err(Failure::new(RDKafkaErrorCode::InvalidArgument, problem));
    }
    let topic = Owned {
        raw,
        destroy: sys::rd_kafka_NewTopic_destroy,
    };
    for (key, value) in &config {
        // SAFETY: the object is valid; the texts outlive the call, which copies them.
        check(unsafe {
            sys::rd_kafka_NewTopic_set_config(topic.raw, key.as_ptr(), value.as_ptr())
        })?;
    }
    let mut list = [topic.raw];
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(
        client,
        Operation::RD_KAFKA_ADMIN_OP_CREATETOPICS,
        timeouts,
        |call| unsafe {
            sys::rd_kafka_CreateTopics(call.client, list.as_mut_ptr(), 1, call.options, call.queue);
        },
    )?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results.
    unsafe {
        let result = sys::rd_kafka_event_CreateTopics_result(reply.raw);
        topic_result(
            sys::rd_kafka_CreateTopics_result_topics(result, &raw mut count),
            count,
        )
    }
}

pub(crate) fn delete_topic(
    client: &Client,
    name: &str,
    timeouts: AdminTimeouts,
) -> Result<(), Failure> {
    let name = c_text(name)?;
    // SAFETY: the text outlives the call; the object is ours.
    let raw = unsafe { sys::rd_kafka_DeleteTopic_new(name.as_ptr()) };
    let topic = Owned {
        raw,
        destroy: sys::rd_kafka_DeleteTopic_destroy,
    };
    let mut list = [topic.raw];
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(
        client,
        Operation::RD_KAFKA_ADMIN_OP_DELETETOPICS,
        timeouts,
        |call| unsafe {
            sys::rd_kafka_DeleteTopics(call.client, list.as_mut_ptr(), 1, call.options, call.queue);
        },
    )?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results.
    unsafe {
        let result = sys::rd_kafka_event_DeleteTopics_result(reply.raw);
        topic_result(
            sys::rd_kafka_DeleteTopics_result_topics(result, &raw mut count),
            count,
        )
    }
}

/// What a topic is like: its number of partitions, and whether the cluster made it for itself.
pub(crate) fn describe_topic(
    client: &Client,
    name: &str,
    timeouts: AdminTimeouts,
) -> Result<(i32, bool), Failure> {
    let name = c_text(name)?;
    let mut list = [name.as_ptr()];
    // SAFETY: the list has one valid text and is copied; the object is ours.
    let raw = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(list.as_mut_ptr(), 1) };
    let topics = Owned {
        raw,
        destroy: sys::rd_kafka_TopicCollection_destroy,
    };
    // SAFETY: F1; the collection is valid and copied.
    let reply = ask(
        client,
        Operation::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        timeouts,
        |call| unsafe {
            sys::rd_kafka_DescribeTopics(call.client, topics.raw, call.options, call.queue);
        },
    )?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results, whose number the call tells.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(reply.raw);
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let Some(&topic) = array(topics, count).first() else {
            return Err(no_result());
        };
        let error = sys::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() && sys::rd_kafka_error_code(error) != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(Failure::read(error));
        }
        let _ = sys::rd_kafka_TopicDescription_partitions(topic, &raw mut count);
        let is_internal = sys::rd_kafka_TopicDescription_is_internal(topic) != 0;
        Ok((i32::try_from(count).unwrap_or(i32::MAX), is_internal))
    }
}

/// The effective configuration of a topic.
pub(crate) fn topic_config(
    client: &Client,
    name: &str,
    timeouts: AdminTimeouts,
) -> Result<BTreeMap<String, String>, Failure> {
    let name = c_text(name)?;
    let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    // SAFETY: the text outlives the call; the object is ours.
    let raw = unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
    let resource = Owned {
        raw,
        destroy: sys::rd_kafka_ConfigResource_destroy,
    };
    let mut list = [resource.raw];
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(
        client,
        Operation::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
        timeouts,
        |call| unsafe {
            sys::rd_kafka_DescribeConfigs(
                call.client,
                list.as_mut_ptr(),
                1,
                call.options,
                call.queue,
            );
        },
    )?;
    // SAFETY: the event is of this kind and outlives results and entries, whose numbers the calls
    // tell; F4.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConfigs_result(reply.raw);
        let mut count = 0;
        let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        let Some(&resource) = array(resources, count).first() else {
            return Err(no_result());
        };
        let code = sys::rd_kafka_ConfigResource_error(resource);
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            let problem = text(sys::rd_kafka_ConfigResource_error_string(resource));
            return Err(Failure::new(code.into(), problem));
        }
        let entries = sys::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        Ok(array(entries, count)
            .iter()
            .filter_map(|&entry| {
                let value = sys::rd_kafka_ConfigEntry_value(entry);
                let name = text(sys::rd_kafka_ConfigEntry_name(entry));
                (!value.is_null()).then(|| (name, text(value)))
            })
            .collect())
    }
}

/// The offsets that the elements of `partitions` ask for: each has a logical offset or a time.
pub(crate) fn list_offsets(
    client: &Client,
    partitions: &TopicPartitionList,
    isolation: Isolation,
    timeouts: AdminTimeouts,
) -> Result<Vec<Element>, Failure> {
    use sys::rd_kafka_IsolationLevel_t as Level;
    let level = match isolation {
        Isolation::ReadCommitted => Level::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        _ => Level::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
    };
    let mut refused = Ok(());
    let reply = ask(
        client,
        Operation::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
        timeouts,
        |call| {
            // SAFETY: the options are valid for this operation; the error object is ours.
            refused = unsafe {
                Failure::take(sys::rd_kafka_AdminOptions_set_isolation_level(
                    call.options,
                    level,
                ))
            };
            // SAFETY: F1; the list is valid and copied.
            unsafe {
                sys::rd_kafka_ListOffsets(call.client, partitions.ptr(), call.options, call.queue);
            }
        },
    )?;
    refused?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results, whose number the call tells; each
    // result has a valid element.
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(reply.raw);
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        Ok(array(infos, count)
            .iter()
            .filter_map(|&info| sys::rd_kafka_ListOffsetsResultInfo_topic_partition(info).as_ref())
            .map(|each| element(each))
            .collect())
    }
}

/// The committed offsets of a group.
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
    let operation = Operation::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(client, operation, timeouts, |call| unsafe {
        let CallParts {
            client,
            options,
            queue,
        } = call;
        sys::rd_kafka_ListConsumerGroupOffsets(client, list.as_mut_ptr(), 1, options, queue);
    })?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results.
    unsafe {
        let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(reply.raw);
        let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        group_result(groups, count)
    }
}

/// Sets committed offsets of a group; returns what became of each.
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
    let operation = Operation::RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS;
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(client, operation, timeouts, |call| unsafe {
        let CallParts {
            client,
            options,
            queue,
        } = call;
        sys::rd_kafka_AlterConsumerGroupOffsets(client, list.as_mut_ptr(), 1, options, queue);
    })?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results.
    unsafe {
        let result = sys::rd_kafka_event_AlterConsumerGroupOffsets_result(reply.raw);
        let groups = sys::rd_kafka_AlterConsumerGroupOffsets_result_groups(result, &raw mut count);
        group_result(groups, count)
    }
}

/// Removes committed offsets of a group; returns what became of each.
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
    let operation = Operation::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS;
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(client, operation, timeouts, |call| unsafe {
        let CallParts {
            client,
            options,
            queue,
        } = call;
        sys::rd_kafka_DeleteConsumerGroupOffsets(client, list.as_mut_ptr(), 1, options, queue);
    })?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results.
    unsafe {
        let result = sys::rd_kafka_event_DeleteConsumerGroupOffsets_result(reply.raw);
        let groups = sys::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &raw mut count);
        group_result(groups, count)
    }
}

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
    // SAFETY: F1; the list has one valid element and is copied.
    let reply = ask(
        client,
        Operation::RD_KAFKA_ADMIN_OP_DELETEGROUPS,
        timeouts,
        |call| unsafe {
            sys::rd_kafka_DeleteGroups(call.client, list.as_mut_ptr(), 1, call.options, call.queue);
        },
    )?;
    let mut count = 0;
    // SAFETY: the event is of this kind and outlives the results.
    unsafe {
        let result = sys::rd_kafka_event_DeleteGroups_result(reply.raw);
        let groups = sys::rd_kafka_DeleteGroups_result_groups(result, &raw mut count);
        group_result(groups, count).map(drop)
    }
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

/// What a request is made with.
struct CallParts {
    client: *mut sys::rd_kafka_t,
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
}

/// How often it is looked whether anybody still waits.
const TICK: Duration = Duration::from_millis(50);

/// The longest that librdkafka takes.
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Sends a request and waits for its reply, which the caller may read as of the kind it asked for.
fn ask(
    client: &Client,
    operation: Operation,
    timeouts: AdminTimeouts,
    request: impl FnOnce(CallParts),
) -> Result<Owned<sys::rd_kafka_event_t>, Failure> {
    // A request to a coordinator must not time out in librdkafka while its client lives: see `Groups`.
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
            TICK
        } else {
            // It has its own time limit, so it answers in any case.
            Duration::MAX
        };
        // SAFETY: the queue is valid; the event is ours.
        let raw = unsafe { sys::rd_kafka_queue_poll(queue.raw, millis(wait)) };
        if !raw.is_null() {
            break raw;
        }
        if context.is_closing() || begin.elapsed() >= timeouts.request {
            let problem = "the group's coordinator does not answer";
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

/// A result's array; empty if it is null.
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

/// What became of the only topic of a request.
///
/// # Safety
/// `topics` is null or has `count` valid results.
unsafe fn topic_result(
    topics: *mut *const sys::rd_kafka_topic_result_t,
    count: usize,
) -> Result<(), Failure> {
    // SAFETY: the caller's promise; F4.
    unsafe {
        let Some(&topic) = array(topics, count).first() else {
            return Err(no_result());
        };
        let code = sys::rd_kafka_topic_result_error(topic);
        if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        let problem = sys::rd_kafka_topic_result_error_string(topic);
        if problem.is_null() {
            return Err(Failure::of(code));
        }
        Err(Failure::new(code.into(), text(problem)))
    }
}

/// What became of the only group of a request, with its partitions.
///
/// # Safety
/// `groups` is null or has `count` valid results.
unsafe fn group_result(
    groups: *mut *const sys::rd_kafka_group_result_t,
    count: usize,
) -> Result<Vec<Element>, Failure> {
    // SAFETY: the caller's promise; the results own error and partitions.
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
    Failure::new(RDKafkaErrorCode::Fail, "the cluster's reply has no result")
}
