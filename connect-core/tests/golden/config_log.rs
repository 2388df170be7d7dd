//! The configuration topic.

use bytes::Bytes;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::cluster::TargetState;
use connect_core::cluster::log::ConfigEvent;
use connect_core::cluster::log::ConfigLog;
use connect_core::cluster::log::ConfigRecord;
use connect_core::cluster::log::Connector;
use connect_core::cluster::log::Inconsistency;
use connect_core::cluster::log::RestartRequest;
use connect_core::cluster::log::SessionKey;
use connect_core::cluster::log::TaskSet;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use connect_testkit::golden::bytes_from_json;
use connect_testkit::golden::config_from_json;
use serde_json::json;

use crate::Record;
use crate::sent;

pub(crate) fn write(case: &Case) -> Result<Json> {
    let args = &case.input["args"];
    let text = |key: &str| args[key].as_str().unwrap_or_default().to_owned();
    let flag = |key: &str| args[key].as_bool().unwrap();
    let count = |key: &str| usize::try_from(args[key].as_u64().unwrap()).unwrap();
    let state = |key: &str| args[key].as_str().and_then(TargetState::parse);
    let name = ConnectorName::from(text("connector"));
    let records = match case.input["call"].as_str().unwrap() {
        "putConnectorConfig" => {
            let config = config_from_json(&args["config"])?;
            ConfigRecord::put_connector(&name, config, state("targetState"))
        }
        "removeConnectorConfig" => ConfigRecord::delete_connector(&name),
        "putTaskConfigs" => {
            let configs = args["configs"].as_array().unwrap().iter();
            let configs: Result<_> = configs.map(config_from_json).collect();
            ConfigRecord::put_tasks(&name, configs?)
        }
        "removeTaskConfigs" => return Err(Error::unsupported("tasks go with their connector")),
        "putTaskCountRecord" => vec![ConfigRecord::TaskCount {
            name,
            tasks: count("count"),
        }],
        "putRestartRequest" => vec![ConfigRecord::RestartRequest {
            name,
            request: RestartRequest {
                include_tasks: flag("includeTasks"),
                only_failed: flag("onlyFailed"),
            },
        }],
        "putTargetState" => vec![ConfigRecord::TargetState {
            name,
            state: Some(state("state").unwrap()),
        }],
        "putSessionKey" => vec![ConfigRecord::SessionKey(SessionKey {
            key: bytes_from_json(&json!({ "hex": args["keyHex"] }))?.unwrap(),
            algorithm: text("algorithm"),
            created_at_ms: args["creationTimestamp"].as_i64().unwrap(),
        })],
        "putLoggerLevel" => vec![ConfigRecord::LoggerLevel {
            namespace: text("namespace"),
            level: text("level"),
        }],
        other => return Err(Error::illegal_state(format!("no call {other}"))),
    };
    Ok(json!({ "records": sent(records.iter().map(ConfigRecord::encode)) }))
}

pub(crate) fn replay(case: &Case, records: &[Record]) -> Json {
    let mut log = ConfigLog::new();
    let mut events = Vec::new();
    for record in records {
        // What cannot be used is skipped; the readers say so.
        let event = log.read(
            record.offset,
            record.key.as_deref(),
            record.value.as_deref(),
        );
        events.extend(event.ok().flatten().map(|event| event_json(&event)));
    }
    let mut output = json!({ "state": state(&log) });
    if case.config["storeStarted"] == true {
        output["events"] = events.into();
    }
    output
}

fn state(log: &ConfigLog) -> Json {
    let all = log.connectors().iter();
    let connectors = all
        .clone()
        .map(|(name, c)| (name.to_string(), connector(name, c)));
    let inconsistent =
        all.filter(|(_, c)| matches!(c.inconsistency(), Some(Inconsistency::Incomplete { .. })));
    let inconsistent: Vec<_> = inconsistent.map(|(name, _)| name.to_string()).collect();
    let targets = log.target_states();
    let targets = targets.map(|(name, state)| (name.to_string(), state.name().into()));
    let session_key = log.session_key().map(|key| {
        let hex = |bytes: &Bytes| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
        json!({
            "algorithm": key.algorithm,
            "hex": hex(&key.key),
            "creationTimestamp": key.created_at_ms,
        })
    });
    json!({
        "offset": log.config_offset(),
        "connectors": connectors.collect::<serde_json::Map<_, _>>(),
        "inconsistent": inconsistent,
        "sessionKey": session_key,
        "targetStatesHeld": targets.collect::<serde_json::Map<_, Json>>(),
    })
}

fn connector(name: &ConnectorName, connector: &Connector) -> Json {
    let configs = connector.task_set().map_or(&[][..], TaskSet::configs);
    let task_count = match connector.inconsistency() {
        Some(Inconsistency::Incomplete { tasks, .. }) => tasks,
        _ => configs.len(),
    };
    let task = |(index, config): (usize, &ConfigMap)| {
        let id = TaskId::new(name.clone(), index);
        json!({ "task": id.to_string(), "config": config.to_raw_map() })
    };
    let applied = connector.last_task_set();
    json!({
        "config": connector.config().to_raw_map(),
        "targetState": connector.target_state().name(),
        "taskCount": task_count,
        "tasks": configs.iter().enumerate().map(task).collect::<Vec<_>>(),
        "taskCountRecord": connector.task_count_record(),
        "taskConfigGeneration": connector.task_generation(),
        "pendingFencing": connector.is_pending_fencing(),
        "appliedConfig": applied.map(|set| set.applied_config().to_raw_map()),
    })
}

fn event_json(event: &ConfigEvent) -> Json {
    let (event, args) = match event {
        ConfigEvent::ConnectorRemoved(name) => ("connectorConfigRemove", vec![name.to_string()]),
        ConfigEvent::ConnectorUpdated(name) => ("connectorConfigUpdate", vec![name.to_string()]),
        ConfigEvent::LoggerLevel { namespace, level } => {
            ("loggingLevelUpdate", vec![namespace.clone(), level.clone()])
        }
        ConfigEvent::RestartRequested { name, request } => {
            let only_failed = format!("onlyFailed={}", request.only_failed);
            let include_tasks = format!("includeTasks={}", request.include_tasks);
            (
                "restartRequest",
                vec![name.to_string(), only_failed, include_tasks],
            )
        }
        ConfigEvent::SessionKey(_) => return json!({ "event": "sessionKeyUpdate" }),
        ConfigEvent::TargetStateChanged(name) => {
            ("connectorTargetStateChange", vec![name.to_string()])
        }
        ConfigEvent::TasksCommitted { name, tasks } => {
            let ids = tasks
                .iter()
                .map(|&index| TaskId::new(name.clone(), index).to_string());
            let ids: Vec<_> = ids.collect();
            ("taskConfigUpdate", vec![format!("[{}]", ids.join(", "))])
        }
        other => ("unknown", vec![format!("{other:?}")]),
    };
    json!({ "event": event, "args": args })
}
