//! The task of the file sink.

use std::path::PathBuf;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::LogOffsets;
use connect_api::Result;
use connect_api::SinkTask;
use connect_api::SinkTaskContext;
use connect_api::Task;
use connect_api::Timestamp;
use connect_api::TopicPartition;
use connect_api::config::FromConfig as _;
use connect_api::record::SinkRecord;

use crate::config::FileSinkConfig;
use crate::error;
use crate::sink::connector;
use crate::sink::writer::Target;
use crate::sink::writer::Writer;
use crate::write::Output;
use crate::write::Patience;
use crate::write::Sharing;

/// Appends a line for each record to a file.
#[derive(Debug, Default)]
pub(crate) struct FileStreamSinkTask {
    running: Option<Running>,
}

/// The state of a started task.
#[derive(Debug)]
struct Running {
    context: SinkTaskContext,
    config: FileSinkConfig,
    writer: Writer,
    /// With exactly-once: the next offset of each partition that had records.
    put: LogOffsets,
    /// Roughly the number of bytes written since the file was started.
    bytes: u64,
    /// When the file was started.
    began: Timestamp,
    asked_to_rotate: bool,
}

impl FileStreamSinkTask {
    fn running(&mut self) -> Result<&mut Running> {
        self.running
            .as_mut()
            .ok_or_else(|| Error::illegal_state("the task was not started"))
    }
}

#[async_trait]
impl Task for FileStreamSinkTask {
    async fn stop(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.writer.close().await;
        }
        Ok(())
    }
}

#[async_trait]
impl SinkTask for FileStreamSinkTask {
    async fn start(&mut self, context: SinkTaskContext, config: ConfigMap) -> Result<()> {
        connector::check(&config)?;
        let parsed = FileSinkConfig::from_config(&config)?;
        let now = context.now();
        let (mut bytes, mut began) = (0, now);
        let target = match parsed.path(context.task_index()) {
            None => Target::Stdout,
            Some(path) => {
                let shared = connector::is_shared(&config);
                let output = open(&context, path, parsed.exactly_once, shared).await?;
                bytes = output.length();
                if bytes > 0 {
                    began = modified(&output).unwrap_or(now);
                }
                Target::File(Box::new(output))
            }
        };
        self.running = Some(Running {
            context,
            config: parsed,
            writer: Writer::new(target),
            put: LogOffsets::new(),
            bytes,
            began,
            asked_to_rotate: false,
        });
        Ok(())
    }

    /// With exactly-once, resumes where the files end.
    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let running = self.running()?;
        if !running.config.exactly_once {
            return Ok(());
        }
        let config = running.config.clone();
        let written = tokio::task::spawn_blocking(move || connector::written_offsets(&config));
        let written = written.await.map_err(|_| error::runtime_ended())??;
        let offsets: LogOffsets = partitions
            .iter()
            .filter_map(|partition| {
                // Records that were put before are in the file, committed or not.
                let ends = [written.get(partition), running.put.get(partition)];
                let end = ends.into_iter().flatten().max()?;
                Some((partition.clone(), *end))
            })
            .collect();
        if !offsets.is_empty() {
            let partitions = offsets.len();
            tracing::info!(partitions, "resuming where the files end");
            running.context.seek(offsets);
        }
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        let running = self.running()?;
        for record in records {
            running.bytes += running.writer.push(&record.record.value.value) as u64;
            if running.writer.is_full() {
                running.writer.submit().await?;
            }
        }
        if running.config.exactly_once {
            running.note(records);
        }
        running.writer.submit().await?;
        if running.must_rotate() && !running.asked_to_rotate {
            running.asked_to_rotate = true;
            running.context.request_commit();
        }
        Ok(())
    }

    async fn flush(&mut self, offsets: &LogOffsets) -> Result<()> {
        let running = self.running()?;
        let rotates = running.must_rotate();
        let after = move |output: &mut Output| {
            if rotates && output.length() > 0 {
                output.rotate()
            } else {
                Ok(())
            }
        };
        // The file has all records that were put, also of partitions that are not committed now.
        let mut reached = running.put.clone();
        for (partition, offset) in offsets {
            let end = reached.entry(partition.clone()).or_insert(*offset);
            *end = (*end).max(*offset);
        }
        running.writer.commit(reached, after).await?;
        if rotates {
            running.bytes = 0;
            running.began = running.context.now();
            running.asked_to_rotate = false;
        }
        Ok(())
    }
}

impl Running {
    /// Records the next offsets of the partitions.
    fn note(&mut self, records: &[SinkRecord]) {
        let is_same = |a: &SinkRecord, b: &SinkRecord| {
            a.position.partition == b.position.partition && a.position.topic == b.position.topic
        };
        for run in records.chunk_by(is_same) {
            if let Some(last) = run.last() {
                self.put
                    .insert(last.position.topic_partition(), last.position.offset + 1);
            }
        }
    }

    fn must_rotate(&self) -> bool {
        let is_old = |interval: i64| {
            let period = |time: Timestamp| time.as_millis().div_euclid(interval);
            period(self.context.now()) != period(self.began)
        };
        self.bytes > 0
            && (self
                .config
                .rotate_bytes()
                .is_some_and(|limit| self.bytes >= limit)
                || self.config.rotate_interval_ms().is_some_and(is_old))
    }
}

/// Opens the file. Waits for a while if an abandoned task still writes to it.
async fn open(
    context: &SinkTaskContext,
    path: PathBuf,
    exactly_once: bool,
    is_shared: bool,
) -> Result<Output> {
    let sharing = if is_shared {
        Sharing::Shared
    } else {
        Sharing::Alone
    };
    for tries_left in (0..TRIES).rev() {
        let patience = if tries_left > 0 {
            Patience::Left
        } else {
            Patience::Over
        };
        let path = path.clone();
        let opened = tokio::task::spawn_blocking(move || match exactly_once {
            true => Output::open_exactly_once(&path, patience),
            false => Output::open(&path, sharing, patience),
        });
        if let Some(output) = opened.await.map_err(|_| error::runtime_ended())?? {
            return Ok(output);
        }
        context.sleep(BETWEEN_TRIES).await;
    }
    Err(Error::external(format!(
        "\"{}\" is locked by another task or process; stop it, or set \"file\" to another path",
        path.display()
    )))
}

/// How often to try to open a locked file.
const TRIES: u32 = 20;

const BETWEEN_TRIES: Duration = Duration::from_millis(100);

fn modified(output: &Output) -> Option<Timestamp> {
    let since_epoch = output.modified()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(
        i64::try_from(since_epoch.as_millis()).ok()?,
    ))
}
