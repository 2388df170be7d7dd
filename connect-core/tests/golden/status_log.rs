//! The status topic.

use connect_core::TaskId;
use connect_core::codec::status::StatusRecord;
use connect_core::status::State;
use connect_core::status::Subject;
use connect_core::status::log::Status;
use connect_core::status::log::StatusLog;
use connect_core::status::log::TopicStatus;
use connect_testkit::golden::Case;
use connect_testkit::golden::Json;
use serde_json::json;

use crate::Record;
use crate::sent;

const WORKER: &str = "10.0.0.1:8083";
const GENERATION: i32 = 7;

/// The record that a call sends, and what is known once it was read back.
pub(crate) fn write(case: &Case) -> Json {
    let args = &case.input["args"];
    let connector = args["connector"].as_str().unwrap();
    let text = |key: &str| args[key].as_str().map(str::to_owned);
    let task = || {
        TaskId::new(
            connector,
            usize::try_from(args["task"].as_u64().unwrap()).unwrap(),
        )
    };
    let call = case.input["call"].as_str().unwrap();
    let mut log = StatusLog::new();
    let record = match call {
        "putTopic" | "deleteTopic" => {
            let topic = text("topic").unwrap();
            let status = (call == "putTopic").then(|| TopicStatus {
                topic: topic.clone(),
                task: task(),
                discovered_at_ms: args["discoverTimestamp"].as_i64().unwrap(),
            });
            StatusRecord::Topic {
                connector: connector.into(),
                topic,
                status,
            }
        }
        _ => {
            let subject = match call.contains("Task") {
                true => Subject::Task(task()),
                false => Subject::Connector(connector.into()),
            };
            let status = Status {
                state: State::parse(args["state"].as_str().unwrap()).unwrap(),
                trace: text("trace"),
                worker_id: text("workerId").or(Some(WORKER.into())),
                generation: GENERATION,
                version: text("version"),
            };
            if let Some(earlier) = earlier(args["after"].as_str().unwrap_or_default()) {
                read_back(
                    &mut log,
                    &StatusRecord::Status {
                        subject: subject.clone(),
                        status: Some(earlier),
                    },
                );
            }
            if call.ends_with("Safe") && !log.may_write(&subject, &status) {
                return json!({ "records": [], "view": view(&log, &["c1"]) });
            }
            StatusRecord::Status {
                subject,
                status: Some(status),
            }
        }
    };
    read_back(&mut log, &record);
    json!({ "records": sent([record.encode()]), "view": view(&log, &["c1"]) })
}

/// The status that a case says was there before: of which worker, in which generation.
fn earlier(after: &str) -> Option<Status> {
    if after.is_empty() {
        return None;
    }
    let says = |text| after.contains(text);
    let worker = match (says("same worker"), says("other worker")) {
        (true, false) => WORKER,
        (false, true) => "other:8083",
        _ => panic!("whose status is {after:?}?"),
    };
    let generation = match (says("earlier"), says("same generation"), says("later")) {
        (true, false, false) => GENERATION - 1,
        (false, true, false) => GENERATION,
        (false, false, true) => GENERATION + 1,
        _ => panic!("of which generation is {after:?}?"),
    };
    Some(Status {
        state: State::Running,
        trace: None,
        worker_id: Some(worker.into()),
        generation,
        version: None,
    })
}

fn read_back(log: &mut StatusLog, record: &StatusRecord) {
    let (key, value) = record.encode();
    log.read(Some(&key), value.as_deref()).unwrap();
}

pub(crate) fn replay(records: &[Record]) -> Json {
    let mut log = StatusLog::new();
    for record in records {
        // What cannot be used is skipped; the readers say so.
        let _ = log.read(record.key.as_deref(), record.value.as_deref());
    }
    view(&log, &["a:b-c", "c1", "c2"])
}

fn view(log: &StatusLog, connectors: &[&str]) -> Json {
    let listed: Vec<_> = log.connectors().keys().map(ToString::to_string).collect();
    let mut view = json!({ "connectorsListed": listed });
    for name in connectors {
        let tasks = log.tasks(name);
        let tasks = tasks.map(|(id, status)| (id.to_string(), status_json(status)));
        let topics = log.topics(name).map(|topic| {
            let status = json!({
                "connector": &*topic.task.connector,
                "task": topic.task.index,
                "discoverTimestamp": topic.discovered_at_ms,
            });
            (topic.topic.clone(), status)
        });
        view[*name] = json!({
            "connector": log.connector(name).map(status_json),
            "tasks": tasks.collect::<serde_json::Map<_, _>>(),
            "topics": topics.collect::<serde_json::Map<_, _>>(),
        });
    }
    view
}

fn status_json(status: &Status) -> Json {
    json!({
        "state": status.state.name(),
        "trace": status.trace,
        "workerId": status.worker_id,
        "generation": status.generation,
        "version": status.version,
    })
}
