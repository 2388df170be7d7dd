//! The connector of the file source.

use async_trait::async_trait;
use connect_api::ConfigMap;
use connect_api::Connector;
use connect_api::ConnectorContext;
use connect_api::Error;
use connect_api::ExactlyOnceSupport;
use connect_api::Result;
use connect_api::SourceConnector;
use connect_api::SourceOffsetChange;
use connect_api::SourceTask;
use connect_api::config::ConfigDef;
use connect_api::config::FromConfig as _;
use connect_api::record::OffsetValue;

use crate::config::FileSourceConfig;
use crate::source::task::FileStreamSourceTask;
use crate::stdin::Stdin;
use crate::watch::Watcher;

/// Reads a file, or standard input, line by line.
///
/// One task, whatever `tasks.max` is. See the [crate page](crate) for options and behavior.
#[derive(Debug, Default)]
#[doc(alias = "FileStreamSource")]
pub struct FileStreamSourceConnector {
    watcher: Watcher,
    stdin: Stdin,
    config: ConfigMap,
}

impl FileStreamSourceConnector {
    /// Creates a connector that shares the watcher and standard input with others.
    pub(crate) fn sharing(watcher: Watcher, stdin: Stdin) -> Self {
        Self {
            watcher,
            stdin,
            config: ConfigMap::new(),
        }
    }
}

#[async_trait]
impl Connector for FileStreamSourceConnector {
    fn config_def(&self) -> &ConfigDef {
        FileSourceConfig::config_def()
    }

    async fn start(&mut self, _context: ConnectorContext, config: ConfigMap) -> Result<()> {
        let parsed = FileSourceConfig::from_config(&config)?;
        let file = parsed.path().map_or_else(
            || "standard input".into(),
            |path| path.display().to_string(),
        );
        tracing::info!(file, "starting the file source");
        self.config = config;
        Ok(())
    }

    async fn task_configs(&mut self, _max_tasks: usize) -> Result<Vec<ConfigMap>> {
        Ok(vec![self.config.clone()])
    }
}

#[async_trait]
impl SourceConnector for FileStreamSourceConnector {
    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FileStreamSourceTask::new(
            self.watcher.clone(),
            self.stdin.clone(),
        ))
    }

    /// Supported if `file` is set. Standard input has no position to go back to.
    fn exactly_once_support(&self, config: &ConfigMap) -> Option<ExactlyOnceSupport> {
        let config = FileSourceConfig::from_config(config).ok()?;
        Some(match config.path() {
            Some(_) => ExactlyOnceSupport::Supported,
            None => ExactlyOnceSupport::Unsupported,
        })
    }

    async fn alter_offsets(
        &mut self,
        config: &ConfigMap,
        changes: &[SourceOffsetChange],
    ) -> Result<bool> {
        let config = FileSourceConfig::from_config(config)?;
        if config.path().is_none() {
            return Err(Error::external(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is \
                 because stdin is used for input and offsets are not tracked.",
            ));
        }
        // The offsets of any partition may be reset, so wrong ones can be removed.
        let changes = changes
            .iter()
            .filter_map(|(partition, offset)| Some((partition, offset.as_ref()?)));
        for (partition, offset) in changes {
            let problem = match offset.get("position") {
                None => "Offset objects should either be null or contain the key 'position'",
                Some(OffsetValue::Int(..0)) => {
                    "The value for the 'position' key in the offset should be a non-negative value"
                }
                Some(OffsetValue::Int(_)) if partition.is_null() => {
                    "Partition objects cannot be null"
                }
                Some(OffsetValue::Int(_)) if partition.get("filename").is_none() => {
                    "Partition objects should contain the key 'filename'"
                }
                Some(OffsetValue::Int(_)) => continue,
                Some(_) => {
                    "The value for the 'position' key in the offset is expected to be a Long value"
                }
            };
            return Err(Error::external(problem));
        }
        Ok(true)
    }
}
