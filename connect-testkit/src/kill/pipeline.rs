//! The pipeline that is killed: a worker with file → log → file.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::config::FromConfig as _;
use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_runtime::Connect;
use connect_runtime::Declared;
use connect_runtime::WorkerConfig;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::kill::line;
use crate::kill::line::LINE;
use crate::kill::log::Log;
use crate::kill::trigger::Death;
use crate::kill::trigger::Trigger;

/// A pipeline in a folder: `in.txt`, the log in `log` unless it is Kafka, `out.txt`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pipeline {
    /// The folder.
    pub folder: PathBuf,
    /// Exactly-once on both sides.
    pub exactly_once: bool,
    /// The number of lines per batch of the source.
    pub batch: u64,
    /// The time between two commits of offsets.
    pub flush_interval: Duration,
    /// The maximum number of bytes in flight from the source to the log.
    pub in_flight_bytes: u64,
    /// The addresses of Kafka; `None` is the durable log inside the process.
    pub kafka: Option<String>,
    /// The topic, and the prefix of the connectors' names.
    pub name: String,
}

/// The state that a process finds when it starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// The first line that the source will read, by its committed offset.
    pub read: u64,
    /// The end offset of the topic.
    pub end: u64,
    /// The first offset that the sink will read, by its group's committed offset.
    pub consumed: u64,
    /// Whole lines in the file of the sink.
    pub written: u64,
}

impl Pipeline {
    /// Creates a pipeline in an existing folder.
    #[must_use]
    pub fn new(folder: PathBuf, exactly_once: bool) -> Self {
        Self {
            folder,
            exactly_once,
            batch: 2000,
            flush_interval: Duration::from_millis(20),
            in_flight_bytes: 16 << 20,
            kafka: None,
            name: "lines".into(),
        }
    }

    /// Returns the file that is read.
    #[must_use]
    pub fn input(&self) -> PathBuf {
        self.folder.join("in.txt")
    }

    /// Returns the file that is written.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.folder.join("out.txt")
    }

    /// Returns the folder of the log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Runs the pipeline in this process until everything has arrived, or until the process kills
    /// itself. Prints a [`Look`] first.
    ///
    /// Installs a tracing subscriber, so call it once per process.
    ///
    /// # Errors
    /// The worker cannot be started, or a task fails.
    pub async fn run(&self, death: Option<Death>) -> Result<()> {
        let trigger = death.and_then(|death| Trigger::new(death, self.exactly_once));
        let ours = Targets::new().with_target("connect_", LevelFilter::DEBUG);
        tracing_subscriber::registry()
            .with(trigger.map(|trigger| trigger.with_filter(ours)))
            .with(
                tracing_subscriber::fmt::layer()
                    .with_ansi(false)
                    .with_writer(std::io::stderr)
                    .with_filter(LevelFilter::INFO),
            )
            .init();
        let log = Log::open(self).await?;
        let mut registry = connect_runtime::plugins();
        connect_file::plugins(&mut registry);
        let connect = Connect::builder()
            .registry(registry)
            .shared_broker(log.broker())
            .worker(WorkerConfig::from_config(&self.worker())?)
            // The look is at what the last process left, before anything changes it.
            .awaits_declaration()
            .build()
            .await?;
        let look = self.look(&log, &connect).await?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{look}")
            .and_then(|()| stdout.flush())
            .map_err(|error| Error::external("cannot print").with_source(error))?;
        self.create(&connect).await?;
        connect.until_end().await?;
        let report = connect.shutdown(Duration::from_secs(60)).await;
        if !report.is_clean() {
            let left: Vec<_> = report.left.iter().map(ToString::to_string).collect();
            return Err(Error::external(format!(
                "the worker did not stop in time; tasks left: {}",
                left.join(", ")
            )));
        }
        log.close().await
    }

    /// The configuration of the worker.
    pub(crate) fn worker(&self) -> ConfigMap {
        let strings = "org.apache.kafka.connect.storage.StringConverter";
        let mut config = config_map! {
            "key.converter" => strings,
            "value.converter" => strings,
            "source.max.in.flight.bytes" => self.in_flight_bytes.to_string(),
            "offset.flush.interval.ms" => self.flush_interval.as_millis().to_string(),
            "exactly.once.source.support" => if self.exactly_once { "enabled" } else { "disabled" },
        };
        if let Some(addresses) = &self.kafka {
            config.insert("bootstrap.servers", addresses.clone());
            // The cluster of these runs has one node.
            config.insert("offset.storage.replication.factor", "1");
        }
        config
    }

    async fn create(&self, connect: &Connect) -> Result<()> {
        let source = config_map! {
            "connector.class" => "FileStreamSource",
            "file" => self.input().display().to_string(),
            "topic" => self.name.clone(),
            "batch.size" => self.batch.to_string(),
        };
        let mut sink = config_map! {
            "connector.class" => "FileStreamSink",
            "file" => self.output().display().to_string(),
            "topics" => self.name.clone(),
            "exactly.once" => self.exactly_once.to_string(),
        };
        if self.kafka.is_some() {
            // As a static member the next process replaces the dead one at once, instead of waiting
            // for its session to end.
            let key = "consumer.override.group.instance.id";
            sink.insert(key, self.sink());
        }
        let declared = vec![
            Declared::new(self.source().as_str(), source),
            Declared::new(self.sink().as_str(), sink),
        ];
        for (name, outcome) in connect.declare(declared).await?.connectors {
            outcome.map_err(|error| Error::external(format!("connector \"{name}\": {error}")))?;
        }
        Ok(())
    }

    async fn look(&self, log: &Log, connect: &Connect) -> Result<Look> {
        let offsets = connect.source_offsets(&self.source());
        let position = offsets
            .first()
            .and_then(|(_, offset)| offset.get("position")?.as_i64());
        let position = u64::try_from(position.unwrap_or(0)).unwrap_or(0);
        let admin = log.broker().admin(AdminOptions::default()).await?;
        let written = line::whole(&self.output())
            .map_err(|error| Error::external("cannot read the output").with_source(error))?;
        let group = format!("connect-{}", self.sink());
        let consumed = admin.group_offsets(&group).await?;
        let consumed = consumed.get(log.partition()).copied();
        Ok(Look {
            read: position / LINE,
            end: log.end().await?,
            consumed: consumed.map_or(0, i64::cast_unsigned),
            written,
        })
    }

    fn source(&self) -> String {
        format!("{}-source", self.name)
    }

    fn sink(&self) -> String {
        format!("{}-sink", self.name)
    }
}

/// Returns the size of a file; 0 if there is none.
pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            read,
            end,
            consumed,
            written,
        } = self;
        write!(f, "{read} {end} {consumed} {written}")
    }
}

impl FromStr for Look {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = text.split(' ').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let mut look = || {
            Some(Self {
                read: next()?,
                end: next()?,
                consumed: next()?,
                written: next()?,
            })
        };
        look().ok_or_else(|| format!("\"{text}\" is not four numbers as a process prints them"))
    }
}
