//! A panic in a plugin fails its task, and the error names the plugin.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::*;
use connect_api::ConfigMap;
use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::Predicate;
use connect_api::Result;
use connect_api::TopicName;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::plugin::PluginInfo;
use connect_api::record::Origin;
use connect_api::record::RawHeaders;
use connect_api::record::Record;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::State;
use connect_runtime::WorkerConfig;

/// Panics as soon as it meets a record, or sooner if `early` is set.
struct Bomb;

fn configured(config: &ConfigMap) {
    assert!(!config.contains_key("early"), "set off early");
}

impl Transform for Bomb {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }
    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        configured(config);
        Ok(())
    }
    fn apply(&mut self, _: Record, _: Origin<'_>) -> Result<Option<Record>> {
        panic!("set off")
    }
}

impl Predicate for Bomb {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }
    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        configured(config);
        Ok(())
    }
    fn test(&mut self, _: &Record, _: Origin<'_>) -> Result<bool> {
        panic!("set off")
    }
}

impl Converter for Bomb {
    fn config_def(&self) -> &ConfigDef {
        ConfigDef::empty()
    }
    fn configure(&mut self, config: &ConfigMap, _: DatumRole) -> Result<()> {
        configured(config);
        Ok(())
    }
    fn encode(&mut self, _: &TopicName, _: &mut RawHeaders, _: &Datum) -> Result<Option<Bytes>> {
        panic!("set off")
    }
    fn decode(&mut self, _: &TopicName, _: &RawHeaders, _: Option<Bytes>) -> Result<Datum> {
        panic!("set off")
    }
}

async fn bombs() -> Connect {
    let info = || PluginInfo::new("test.Bomb", "1");
    let mut registry = registry(&Seen::default());
    registry
        .transform(info(), || Bomb)
        .predicate(info(), || Bomb)
        .converter(info(), || Bomb);
    Connect::builder()
        .registry(registry)
        .broker(LocalBroker::memory())
        .worker(WorkerConfig::from_config(&worker_config()).unwrap())
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_error_names_the_plugin_that_panicked() {
    let transform = config_map! { "transforms" => "t", "transforms.t.type" => "Bomb" };
    let mut early = transform.clone();
    early.insert("transforms.t.early", "");
    let predicate = config_map! {
        "transforms" => "t", "transforms.t.type" => "DropOdd", "transforms.t.predicate" => "p",
        "predicates" => "p", "predicates.p.type" => "Bomb",
    };
    let converter = config_map! { "key.converter" => "Bomb" };
    let mut early_converter = converter.clone();
    early_converter.insert("key.converter.early", "");
    for (more, text) in [
        (
            transform,
            "transform \"t\" (test.Bomb) panicked: set off (file",
        ),
        (
            early,
            "transform \"t\" (test.Bomb) panicked: set off early (file",
        ),
        (predicate, "predicate \"p\" panicked: set off (file"),
        (
            converter,
            "`key.converter` (test.Bomb) panicked: set off (file",
        ),
        (
            early_converter,
            "`key.converter` (test.Bomb) panicked: set off early (file",
        ),
    ] {
        let connect = bombs().await;
        let mut sink = collect();
        sink.extend(more.clone());
        let mut source = lines(3);
        source.extend(more);
        // A panic is not a record that may be skipped.
        source.insert("errors.tolerance", "all");
        sink.insert("errors.tolerance", "all");
        connect.create_connector("in", source).await.unwrap();
        connect.create_connector("good", lines(3)).await.unwrap();
        connect.create_connector("out", sink).await.unwrap();
        for name in ["in", "out"] {
            let status = task_in(&connect, name, State::Failed).await;
            let trace = status.tasks[0].trace.clone().unwrap();
            assert!(trace.starts_with(text), "{name}: {trace}");
        }
        let status = task_in(&connect, "good", State::Running).await;
        assert_eq!(status.tasks.len(), 1);
        let _ = connect.shutdown(Duration::from_secs(10)).await;
    }
}
