//! The connector of the file sink.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::Error;
use connect_api::Result;
use connect_api::SinkConnector;
use connect_api::SinkTask;
use connect_api::TopicPartition;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig as _;
use connect_api::config::Validation;

use crate::config::FileSinkConfig;
use crate::config::TASK_VARIABLE;
use crate::error;
use crate::sidecar;
use crate::sidecar::Checkpoint;
use crate::sink::task::FileStreamSinkTask;

/// Writes records to a file, or to standard output, one line per record.
///
/// Runs `tasks.max` tasks. See the [crate page](crate) for options and behavior.
#[derive(Debug, Default)]
#[doc(alias = "FileStreamSink")]
pub struct FileStreamSinkConnector {
    config: ConfigMap,
}

#[async_trait]
impl Connector for FileStreamSinkConnector {
    fn config_def(&self) -> &ConfigDef {
        FileSinkConfig::config_def()
    }

    async fn validate(&self, config: &ConfigMap) -> Result<Validation> {
        let mut validation = self.config_def().validate(config);
        if let Some((key, problem)) = problem(config) {
            validation.add_error(key, problem);
        }
        Ok(validation)
    }

    async fn start(&mut self, _context: ConnectorContext, config: ConfigMap) -> Result<()> {
        check(&config)?;
        self.config = config;
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![self.config.clone(); max_tasks])
    }
}

#[async_trait]
impl SinkConnector for FileStreamSinkConnector {
    fn task(&self) -> Box<dyn SinkTask> {
        Box::<FileStreamSinkTask>::default()
    }

    /// Accepts any change. With exactly-once it removes the offsets stored beside the files, so that
    /// the changed ones count.
    async fn alter_offsets(
        &mut self,
        config: &ConfigMap,
        changes: &BTreeMap<TopicPartition, Option<i64>>,
    ) -> Result<bool> {
        let config = FileSinkConfig::from_config(config)?;
        if config.exactly_once {
            let partitions: Vec<_> = changes.keys().cloned().collect();
            let altered = tokio::task::spawn_blocking(move || forget(&config, &partitions));
            altered.await.map_err(|_| error::runtime_ended())??;
        }
        Ok(true)
    }
}

/// True if several tasks write to one file.
pub(crate) fn is_shared(config: &ConfigMap) -> bool {
    let has_one = config
        .get("tasks.max")
        .is_none_or(|tasks| tasks.trim() == "1");
    let per_task = FileSinkConfig::from_config(config).is_ok_and(|c| c.has_file_per_task());
    !has_one && !per_task
}

/// Refuses a configuration that has a [`problem`].
pub(crate) fn check(config: &ConfigMap) -> Result<()> {
    FileSinkConfig::from_config(config)?;
    match problem(config) {
        Some((key, problem)) => Err(Error::config(format!("{key}: {problem}"))),
        None => Ok(()),
    }
}

/// Returns a problem that concerns several options: the option to blame, and the fix.
fn problem(config: &ConfigMap) -> Option<(&'static str, String)> {
    let parsed = FileSinkConfig::from_config(config).ok()?;
    let wants = match (parsed.exactly_once, parsed.rotates()) {
        (true, _) => "exactly.once",
        (false, true) => "rotation",
        (false, false) => return None,
    };
    if parsed.path(0).is_none() {
        return Some((
            "file",
            format!("{wants} needs a file: standard output cannot be truncated"),
        ));
    }
    is_shared(config).then(|| {
        ("file", format!("{wants} needs a separate file for each task: put {TASK_VARIABLE} in the name, or set tasks.max to 1"))
    })
}

/// Returns the offsets stored beside the files of all tasks, the largest of each partition. Another task
/// may have written the partition before.
pub(crate) fn written_offsets(config: &FileSinkConfig) -> Result<BTreeMap<TopicPartition, i64>> {
    let mut written = BTreeMap::new();
    for output in outputs(config)? {
        let Some(checkpoint) = Checkpoint::read(&output)? else {
            continue;
        };
        for (partition, offset) in checkpoint.offsets {
            let largest = written.entry(partition).or_insert(offset);
            *largest = offset.max(*largest);
        }
    }
    Ok(written)
}

/// Removes the stored offsets of partitions, so that those of the consumer group count again.
fn forget(config: &FileSinkConfig, partitions: &[TopicPartition]) -> Result<()> {
    for output in outputs(config)? {
        let Some(mut checkpoint) = Checkpoint::read(&output)? else {
            continue;
        };
        let count = checkpoint.offsets.len();
        checkpoint
            .offsets
            .retain(|partition, _| !partitions.contains(partition));
        if checkpoint.offsets.len() < count {
            checkpoint.write(&output)?;
        }
    }
    Ok(())
}

/// Returns the existing files of all tasks.
fn outputs(config: &FileSinkConfig) -> Result<Vec<PathBuf>> {
    let Some(first) = config.path(0) else {
        return Ok(Vec::new());
    };
    if !config.has_file_per_task() {
        return Ok(vec![first]);
    }
    let pattern = PathBuf::from(config.file.as_deref().unwrap_or_default());
    let name = pattern
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let Some((before, after)) = name.split_once(TASK_VARIABLE) else {
        // The number of the task is in the name of a folder.
        return Ok((0..MOST_TASKS)
            .filter_map(|task| config.path(task))
            .filter(|path| Checkpoint::path_for(path).exists())
            .collect());
    };
    let folder = sidecar::folder(&pattern);
    let lists = |source| error::of_path("list", folder, source);
    let mut outputs = Vec::new();
    for entry in fs::read_dir(folder).map_err(lists)? {
        let entry = entry.map_err(lists)?.file_name();
        let number = entry.to_str().and_then(|entry| {
            let number = entry
                .strip_suffix(".offsets")?
                .strip_prefix(before)?
                .strip_suffix(after)?;
            let task: usize = number.parse().ok()?;
            // Not `+1` or `01`, which no task writes.
            (task.to_string() == number).then_some(task)
        });
        outputs.extend(number.and_then(|number| config.path(number)));
    }
    Ok(outputs)
}

/// How many task numbers are tried where they cannot be listed.
const MOST_TASKS: usize = 1024;
