//! Workers with the file connectors and String converters.

use std::path::Path;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;

/// Where a worker keeps its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Log {
    /// In a folder, forced to the disk before every receipt.
    Durable,
    /// In memory.
    Memory,
}

impl Log {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Durable];

    /// The name of the log, for names of benches.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Memory => "memory",
        }
    }

    /// Opens a fresh log.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub async fn open(self, folder: &Path) -> Result<LocalBroker> {
        match self {
            Self::Durable => Ok(LocalBroker::open(folder.join("connect-data")).await?),
            Self::Memory => Ok(LocalBroker::memory()),
        }
    }
}

/// Starts a worker.
///
/// # Errors
/// The worker does not start.
pub async fn start(broker: LocalBroker) -> Result<Connect> {
    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    let strings = "org.apache.kafka.connect.storage.StringConverter";
    let config = config_map! { "key.converter" => strings, "value.converter" => strings };
    Connect::builder()
        .registry(registry)
        .broker(broker)
        .worker(WorkerConfig::from_config(&config).map_err(Error::from)?)
        .build()
        .await
}

/// Ends a worker.
///
/// # Errors
/// Something did not stop in time.
pub async fn stop(connect: &Connect) -> Result<()> {
    let report = connect.shutdown(Duration::from_secs(30)).await;
    if report.is_clean() {
        Ok(())
    } else {
        Err(Error::external("the worker did not stop in time"))
    }
}

/// The options of a file source to the topic `lines`.
#[must_use]
pub fn source(file: &Path) -> ConfigMap {
    config_map! {
        "connector.class" => "FileStreamSource", "topic" => "lines", "file" => file.display()
    }
}

/// The options of a file sink from the topic `lines`.
#[must_use]
pub fn sink(file: &Path) -> ConfigMap {
    config_map! {
        "connector.class" => "FileStreamSink", "topics" => "lines", "file" => file.display()
    }
}
