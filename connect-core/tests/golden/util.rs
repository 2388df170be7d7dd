//! Small rules that connectors and requests depend on.

use std::num::NonZeroUsize;

use connect_api::Error;
use connect_api::Result;
use connect_core::codec::sink_offset::SinkOffset;
use connect_core::config_patch::patched;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::config_from_json;
use serde_json::json;

use crate::offsets::offset;
use crate::offsets::partition;

pub(crate) fn group_partitions(case: &Case) -> Result<Json> {
    let groups = case.input["groups"].as_i64().unwrap();
    let groups = usize::try_from(groups).ok().and_then(NonZeroUsize::new);
    let groups = groups.ok_or_else(|| Error::config("the number of groups is not positive"))?;
    let elements = case.input["elements"].as_array().unwrap();
    Ok(json!(connect_api::group_partitions(elements, groups)))
}

pub(crate) fn parse_sink_offsets(case: &Case) -> Result<Json> {
    let partition = partition(&case.input["partition"])?;
    let offset = offset(&case.input["offset"])?;
    let parsed = SinkOffset::parse(&partition, offset.as_ref()).map_err(|error| {
        Error::config(error.to_string())
            .with_java_class("org.apache.kafka.connect.runtime.rest.errors.BadRequestException")
    })?;
    Ok(json!([{
        "topic": parsed.topic,
        "partition": parsed.partition,
        "offset": parsed.offset.map(|offset| offset.to_string()),
    }]))
}

pub(crate) fn patch_config(case: &Case) -> Result<Json> {
    let config = config_from_json(&case.input["config"])?;
    let patch = config_from_json(&case.input["patch"])?;
    Ok(json!(patched(&config, &patch).to_raw_map()))
}
