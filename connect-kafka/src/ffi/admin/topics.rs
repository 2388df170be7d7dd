//! Requests about topics and partitions.

use std::collections::BTreeMap;
use std::ffi::c_int;

use connect_broker::Isolation;
use connect_broker::admin::NewTopic;
use rdkafka::TopicPartitionList;
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_admin_op_t as Operation;
use rdkafka::types::RDKafkaErrorCode;

use super::super::Client;
use super::super::Code;
use super::super::Element;
use super::super::Failure;
use super::super::c_text;
use super::super::check;
use super::super::element;
use super::super::text;
use super::AdminTimeouts;
use super::Owned;
use super::array;
use super::ask;
use super::no_result;

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
    // SAFETY: the texts outlive the call; the buffer has the length that is passed; the object is
    // ours.
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

/// Returns the number of partitions of a topic, and whether it is internal to the cluster.
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
    // SAFETY: the event is of this kind and outlives the results, whose number the call returns.
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
    // return; F4.
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

/// Looks up offsets: each element of `partitions` has a logical offset or a time.
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
    // SAFETY: the event is of this kind and outlives the results, whose number the call returns;
    // each result has a valid element.
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
