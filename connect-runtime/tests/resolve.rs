//! Converters that must ask elsewhere before they can convert.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use common::*;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::plugin::PluginInfo;
use connect_api::record::RawHeaders;
use connect_api::*;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::State;
use connect_runtime::WorkerConfig;

/// Reads text once it was resolved.
#[derive(Clone)]
struct Registry {
    def: ConfigDef,
    /// How many calls of `resolve` fail for now.
    failures: usize,
    /// How many have to succeed; the others say so and change nothing.
    needed: usize,
    failed: Arc<AtomicUsize>,
    resolved: Arc<AtomicUsize>,
}

#[async_trait]
impl Converter for Registry {
    fn config_def(&self) -> &ConfigDef {
        &self.def
    }
    fn configure(&mut self, _: &ConfigMap, _: DatumRole) -> Result<()> {
        Ok(())
    }
    fn encode(&mut self, _: &TopicName, _: &mut RawHeaders, _: &Datum) -> Result<Option<Bytes>> {
        Err(Error::unsupported("for sinks"))
    }
    fn decode(&mut self, _: &TopicName, _: &RawHeaders, bytes: Option<Bytes>) -> Result<Datum> {
        if self.resolved.load(Ordering::SeqCst) < self.needed {
            return Err(Error::unresolved("the schema is not known"));
        }
        let text = bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        Ok(text.map_or(Datum::NULL, Datum::from))
    }
    async fn resolve(&mut self) -> Result<()> {
        if self.failed.fetch_add(1, Ordering::SeqCst) < self.failures {
            return Err(Error::retriable("the schema registry is away"));
        }
        self.resolved.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn worker_with_registry(seen: &Seen, failures: usize, needed: usize) -> Connect {
    let mut plugins = registry(seen);
    let converter = Registry {
        def: ConfigDef::default(),
        failures,
        needed,
        failed: Arc::default(),
        resolved: Arc::default(),
    };
    plugins.converter(PluginInfo::new("test.Registry", "1"), move || {
        converter.clone()
    });
    let connect = Connect::builder()
        .registry(plugins)
        .broker(LocalBroker::memory())
        .worker(WorkerConfig::from_config(&worker_config()).unwrap())
        .build()
        .await
        .unwrap();
    connect.create_connector("in", lines(10)).await.unwrap();
    connect
}

fn sink() -> ConfigMap {
    let mut config = collect();
    config.insert("value.converter", "test.Registry");
    config
}

#[tokio::test]
async fn a_resolver_that_is_away_is_asked_again() {
    let seen = Seen::default();
    let connect = worker_with_registry(&seen, 2, 1).await;
    let mut config = sink();
    config.insert("errors.retry.timeout", "60000");
    config.insert("errors.retry.delay.max.ms", "1");
    connect.create_connector("out", config).await.unwrap();
    eventually(async || (seen.count() == 10).then_some(())).await;
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
}

#[tokio::test]
async fn a_resolver_that_is_away_fails_the_record_without_retries() {
    let seen = Seen::default();
    let connect = worker_with_registry(&seen, 1, 1).await;
    connect.create_connector("out", sink()).await.unwrap();
    let status = task_in(&connect, "out", State::Failed).await;
    let trace = status.tasks.first().unwrap().trace.clone().unwrap();
    assert!(trace.contains("the schema registry is away"), "{trace}");
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
}

#[tokio::test]
async fn a_converter_that_stays_unresolved_fails_its_record() {
    let seen = Seen::default();
    let connect = worker_with_registry(&seen, 0, usize::MAX).await;
    connect.create_connector("out", sink()).await.unwrap();
    let status = task_in(&connect, "out", State::Failed).await;
    let trace = status.tasks.first().unwrap().trace.clone().unwrap();
    assert!(trace.contains("`Unresolved` again"), "{trace}");
    assert!(connect.shutdown(Duration::from_secs(30)).await.is_clean());
}
