//! A source connector as a stream of acknowledged batches.

use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
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
use futures::Stream;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::TaskProgress;
use crate::clock::SystemClock;
use crate::config::ConnectorSettings;
use crate::embed::checked;
use crate::embed::stream_producer::Acknowledged;
use crate::embed::stream_producer::stream_end;
use crate::pipeline::Chain;
use crate::pipeline::Operator;
use crate::pipeline::Reports;
use crate::store::FileOffsets;
use crate::store::MemoryOffsets;
use crate::store::OffsetStore;
use crate::task::Reporter;
use crate::task::TaskControl;
use crate::task::TaskShared;
use crate::task::source::SourceLoop;
use crate::task::source::SourceParts;
use crate::worker::WorkerConnector;
use crate::worker::forward_signals;

/// A source connector as a stream, without any log.
///
/// The batches of a task arrive in the order of its polls, after its transforms. An offset is
/// committed only after every batch up to it was [acknowledged](SourceBatch::acknowledge). A batch
/// that is dropped without an acknowledgement is delivered again after a restart.
///
/// ```no_run
/// use connect_api::config_map;
/// use connect_runtime::SourceStream;
///
/// # async fn run() -> Result<(), connect_api::Error> {
/// let registry = connect_runtime::plugins(); // plus the plugins of a connector crate
/// let mut lines = SourceStream::builder(&registry)
///     .config(config_map! { "connector.class" => "FileStreamSource", "file" => "in.txt", "topic" => "t" })
///     .offsets_file("in.offsets")
///     .start()
///     .await?;
/// while let Some(batch) = lines.next().await {
///     let batch = batch?;
///     for record in batch.records() {
///         println!("{:?}", record.value.value);
///     }
///     batch.acknowledge(); // only now may offsets be committed
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SourceStream {
    batches: mpsc::Receiver<SourceBatch>,
    inputs: mpsc::Receiver<Input>,
    stop: CancellationToken,
    shared: Vec<Arc<TaskShared>>,
    tasks: Vec<JoinHandle<()>>,
    connector: Option<WorkerConnector>,
}

/// Records of one poll of one task, after transforms.
#[derive(Debug)]
#[must_use = "offsets are committed only up to batches that are acknowledged"]
pub struct SourceBatch {
    records: Vec<Record>,
    tokens: Vec<Range<u64>>,
    acknowledged: Arc<Acknowledged>,
}

impl SourceBatch {
    pub(super) fn new(
        records: Vec<Record>,
        tokens: Vec<Range<u64>>,
        acknowledged: Arc<Acknowledged>,
    ) -> Self {
        Self {
            records,
            tokens,
            acknowledged,
        }
    }

    /// The records, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Takes the records out; the batch can still be acknowledged.
    #[must_use]
    pub fn take_records(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }

    /// Declares that the host has stored the records, so that their offsets may be committed.
    pub fn acknowledge(self) {
        self.acknowledged.add(self.tokens);
    }
}

/// Builds a [`SourceStream`].
#[derive(Debug)]
#[must_use]
pub struct SourceStreamBuilder {
    registry: PluginRegistry,
    config: ConfigMap,
    offsets_file: Option<PathBuf>,
    commit_interval: Duration,
}

impl SourceStreamBuilder {
    /// The configuration of the connector, in Kafka Connect's keys. Converters are not used.
    pub fn config(mut self, config: ConfigMap) -> Self {
        self.config = config;
        self
    }

    /// Keeps source offsets in a file, which is replaced atomically. Without it they are lost with
    /// the stream.
    pub fn offsets_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.offsets_file = Some(path.into());
        self
    }

    /// How often offsets are committed, besides at the end. The default is one second.
    pub fn commit_interval(mut self, interval: Duration) -> Self {
        self.commit_interval = interval;
        self
    }

    /// Starts the connector and its tasks on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) with every error of the configuration;
    /// otherwise what the connector reports.
    pub async fn start(self) -> Result<SourceStream> {
        let config = checked(&self.registry, self.config).await?;
        let settings = ConnectorSettings::new(&config)?;
        let factory = self.registry.find_source(settings.class())?;
        let offsets: Arc<dyn OffsetStore> = match self.offsets_file {
            Some(path) => Arc::new(FileOffsets::open(path, None).await?),
            None => Arc::new(MemoryOffsets::default()),
        };
        let name = ConnectorName::new(config.get("name").unwrap_or_default());
        let (sender, inputs) = mpsc::channel(INPUTS);
        let (mut connector, signals) = WorkerConnector::make(
            &self.registry,
            &name,
            config.clone(),
            Arc::clone(&offsets),
            Arc::default(),
        )?;
        tokio::spawn(forward_signals(
            signals,
            name.clone(),
            INCARNATION,
            sender.clone(),
        ));
        connector.start().await?;
        let task_configs = connector.task_configs().await?;
        let (batches_sender, batches) = mpsc::channel(BATCHES);
        let stop = CancellationToken::new();
        let (mut shared, mut tasks) = (Vec::new(), Vec::new());
        for (index, task_config) in task_configs.into_iter().enumerate() {
            let id = TaskId {
                connector: name.clone(),
                index,
            };
            let task_shared = Arc::new(TaskShared::new(
                id.clone(),
                true,
                watch::Sender::default(),
                Arc::default(),
            ));
            let (encoder, producer, receipts) = stream_end(batches_sender.clone());
            let parts = SourceParts {
                used: None,
                task: factory.make().task(),
                config: task_config,
                chain: Chain::from_config(&self.registry, &config, &settings)?,
                encoder: Box::new(encoder),
                operator: Operator::new(&settings, stop.clone()),
                reports: Reports::to_log(&id, &settings),
                producer: Box::new(producer),
                receipts: Box::new(receipts),
                offsets: Arc::clone(&offsets),
                transactions: None,
                topics: None,
                errant: None,
                clock: Arc::new(SystemClock),
                control: TaskControl::running(stop.clone()),
                reporter: Reporter {
                    id,
                    incarnation: INCARNATION,
                    inputs: sender.clone(),
                },
                shared: Arc::clone(&task_shared),
                flush_interval: self.commit_interval,
                flush_timeout: END_TIMEOUT,
                graceful_timeout: END_TIMEOUT,
            };
            shared.push(task_shared);
            tasks.push(tokio::spawn(SourceLoop::new(parts).run()));
        }
        Ok(SourceStream {
            batches,
            inputs,
            stop,
            shared,
            tasks,
            connector: Some(connector),
        })
    }
}

impl SourceStream {
    /// Builds a stream from a connector of a registry.
    pub fn builder(registry: &PluginRegistry) -> SourceStreamBuilder {
        SourceStreamBuilder {
            registry: registry.clone(),
            config: ConfigMap::new(),
            offsets_file: None,
            commit_interval: Duration::from_secs(1),
        }
    }

    /// Waits for the next batch of any task; `None` once all tasks have ended.
    ///
    /// *Cancellation*: safe.
    ///
    /// # Errors
    /// A task has failed. The other tasks keep running.
    pub async fn next(&mut self) -> Option<Result<SourceBatch>> {
        std::future::poll_fn(|context| self.poll_batch(context)).await
    }

    /// True if every task has reported that there is nothing more for now, and every batch is
    /// acknowledged.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.progress().iter().all(|progress| progress.caught_up)
    }

    /// How far the tasks have come.
    #[must_use]
    pub fn progress(&self) -> Vec<TaskProgress> {
        self.shared.iter().map(|shared| shared.snapshot()).collect()
    }

    /// Stops the tasks and commits the offsets of acknowledged batches. Other batches are delivered
    /// again after the next start.
    ///
    /// # Errors
    /// What the connector reports from its stop.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        // Makes room for a task that waits to send a batch, which is delivered again later.
        while self.batches.recv().await.is_some() {}
        for task in std::mem::take(&mut self.tasks) {
            // The loop contains the panics of its plugin.
            let _ = task.await;
        }
        match self.connector.take() {
            Some(mut connector) => connector.stop().await,
            None => Ok(()),
        }
    }

    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<SourceBatch>>> {
        while let Poll::Ready(Some(input)) = self.inputs.poll_recv(context) {
            if let Input::Report(subject, _, Report::Failed(reason)) = input {
                return Poll::Ready(Some(Err(Error::external(format!(
                    "{subject} has failed: {reason}"
                )))));
            }
        }
        self.batches.poll_recv(context).map(|batch| batch.map(Ok))
    }
}

impl Stream for SourceStream {
    type Item = Result<SourceBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_batch(context)
    }
}

impl Drop for SourceStream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Nothing is restarted, so there is one incarnation.
const INCARNATION: Incarnation = Incarnation(1);

/// Batches that wait for the host; with more, tasks wait.
const BATCHES: usize = 2;

/// Reports that wait for the host.
const INPUTS: usize = 64;

/// How long a stop may take; two fifths of it are for outstanding acknowledgements.
const END_TIMEOUT: Duration = Duration::from_millis(500);
