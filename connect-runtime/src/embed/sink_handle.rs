//! A sink connector that the host feeds.

use std::sync::Arc;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::record::Record;
use connect_core::ConnectorName;
use connect_core::TaskId;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Report;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::config::ConnectorSettings;
use crate::embed::checked;
use crate::embed::feed::Feed;
use crate::embed::feed::FeedConsumer;
use crate::embed::feed::FeedDecoder;
use crate::pipeline::Chain;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::store::MemoryOffsets;
use crate::task::Reporter;
use crate::task::TaskControl;
use crate::task::TaskShared;
use crate::task::sink::SinkLoop;
use crate::task::sink::SinkParts;
use crate::worker::WorkerConnector;
use crate::worker::forward_signals;

/// A sink connector that the host feeds, without any log.
///
/// Records pass the connector's transforms and reach one task, in order. [`send`](SinkHandle::send)
/// only queues them; [`flush`](SinkHandle::flush) returns when all of them are durable. Queued records
/// are in memory, so the host must keep records that it cannot lose until a flush has returned.
///
/// ```no_run
/// use connect_api::config_map;
/// use connect_api::data::Datum;
/// use connect_api::record::Record;
/// use connect_runtime::SinkHandle;
///
/// # async fn run() -> Result<(), connect_api::Error> {
/// let registry = connect_runtime::plugins(); // plus the plugins of a connector crate
/// let sink = SinkHandle::builder(&registry)
///     .config(config_map! { "connector.class" => "FileStreamSink", "file" => "out.txt" })
///     .start()
///     .await?;
/// sink.send(vec![Record::new("any", Datum::string("hello"))]).await?;
/// sink.flush().await?; // now it is in the file, synced
/// sink.stop().await
/// # }
/// ```
#[derive(Debug)]
pub struct SinkHandle {
    feed: Arc<Feed>,
    stop: CancellationToken,
    monitor: Option<JoinHandle<()>>,
    connector: Option<WorkerConnector>,
}

/// Builds a [`SinkHandle`].
#[derive(Debug)]
#[must_use]
pub struct SinkHandleBuilder {
    registry: PluginRegistry,
    config: ConfigMap,
}

impl SinkHandleBuilder {
    /// The configuration of the connector, in Kafka Connect's keys. Converters are not used, and
    /// topics are optional: each record has a topic.
    pub fn config(mut self, config: ConfigMap) -> Self {
        self.config = config;
        self
    }

    /// Starts the connector and its task on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) with every error of the configuration;
    /// otherwise what the connector reports.
    pub async fn start(mut self) -> Result<SinkHandle> {
        if !self.config.contains_key("topics") && !self.config.contains_key("topics.regex") {
            self.config.insert("topics", "feed");
        }
        // A feed is one partition, so one task takes it all.
        self.config.insert("tasks.max", "1");
        let config = checked(&self.registry, self.config).await?;
        let settings = ConnectorSettings::new(&config)?;
        let factory = self.registry.find_sink(settings.class())?;
        let name = ConnectorName::new(config.get("name").unwrap_or_default());
        let (sender, inputs) = mpsc::channel(INPUTS);
        let offsets = Arc::new(MemoryOffsets::default());
        let (mut connector, signals) = WorkerConnector::make(
            &self.registry,
            &name,
            config.clone(),
            offsets,
            Arc::default(),
        )?;
        tokio::spawn(forward_signals(
            signals,
            name.clone(),
            INCARNATION,
            sender.clone(),
        ));
        connector.start().await?;
        let task_config = connector
            .task_configs()
            .await?
            .into_iter()
            .next()
            .ok_or_else(|| Error::config(format!("connector \"{name}\" made no task")))?;
        let feed = Feed::new();
        let stop = CancellationToken::new();
        let id = TaskId {
            connector: name,
            index: 0,
        };
        let parts = SinkParts {
            used: None,
            task: factory.make().task(),
            class: settings.class().to_owned(),
            config: task_config,
            chain: Chain::from_config(&self.registry, &config, &settings)?,
            decoder: Box::new(FeedDecoder(Arc::clone(&feed))),
            operator: Operator::new(&settings, stop.clone()),
            reports: Reports::to_log(&id, &settings),
            errant: Some(settings.tolerance()),
            consumer: Box::new(FeedConsumer::new(Arc::clone(&feed))),
            clock: Arc::new(SystemClock),
            control: TaskControl::draining(stop.clone()),
            reporter: Reporter {
                id: id.clone(),
                incarnation: INCARNATION,
                inputs: sender,
            },
            shared: Arc::new(TaskShared::new(
                id,
                false,
                watch::Sender::default(),
                Arc::default(),
            )),
            flush_interval: COMMIT_INTERVAL,
            flush_timeout: GRACEFUL_TIMEOUT,
            graceful_timeout: GRACEFUL_TIMEOUT,
        };
        let task = tokio::spawn(SinkLoop::new(parts).run());
        let monitor = tokio::spawn(watch_task(Arc::clone(&feed), inputs, task));
        Ok(SinkHandle {
            feed,
            stop,
            monitor: Some(monitor),
            connector: Some(connector),
        })
    }
}

impl SinkHandle {
    /// Builds a handle to a connector of a registry.
    pub fn builder(registry: &PluginRegistry) -> SinkHandleBuilder {
        SinkHandleBuilder {
            registry: registry.clone(),
            config: ConfigMap::new(),
        }
    }

    /// Queues records; waits while 16 MiB are queued.
    ///
    /// *Cancellation*: all of them are queued or none.
    ///
    /// # Errors
    /// The task has ended; the message says why. Records since the last flush may be lost.
    pub async fn send(&self, records: Vec<Record>) -> Result<()> {
        self.feed.give(records).await
    }

    /// Waits until everything that was queued is durable.
    ///
    /// *Cancellation*: safe.
    ///
    /// # Errors
    /// As [`send`](SinkHandle::send).
    pub async fn flush(&self) -> Result<()> {
        self.feed.flush().await
    }

    /// Flushes and stops the connector.
    ///
    /// # Errors
    /// As [`send`](SinkHandle::send), or what the connector reports from its stop.
    pub async fn stop(mut self) -> Result<()> {
        let flushed = self.feed.flush().await;
        self.stop.cancel();
        if let Some(monitor) = self.monitor.take() {
            // The loop contains the panics of its plugin.
            let _ = monitor.await;
        }
        let stopped = match self.connector.take() {
            Some(mut connector) => connector.stop().await,
            None => Ok(()),
        };
        flushed.and(stopped)
    }
}

impl Drop for SinkHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Tells the feed when and why its task has ended.
async fn watch_task(feed: Arc<Feed>, mut inputs: mpsc::Receiver<Input>, task: JoinHandle<()>) {
    let mut reason = None;
    let mut task = std::pin::pin!(task);
    loop {
        tokio::select! {
            // Cancel-safe: receiving, and a handle that is polled again.
            biased;
            Some(input) = inputs.recv() => {
                if let Input::Report(_, _, Report::Failed(failure)) = input {
                    reason.get_or_insert(failure);
                }
            }
            _ = &mut task => break,
        }
    }
    // The last report of the task may still be in the channel.
    while let Ok(input) = inputs.try_recv() {
        if let Input::Report(_, _, Report::Failed(failure)) = input {
            reason.get_or_insert(failure);
        }
    }
    let reason = reason.map(|failure| failure.to_string());
    feed.end(reason.as_deref().unwrap_or("it was stopped"));
}

/// Nothing is restarted, so there is one incarnation.
const INCARNATION: Incarnation = Incarnation(1);

/// Reports that are not processed yet.
const INPUTS: usize = 64;

/// How long a stop may take.
const GRACEFUL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often offsets are committed while records keep arriving.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
