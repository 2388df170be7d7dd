//! What is killed: a worker with file → durable log → file.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use connect_api::Error;
use connect_api::Result;
use connect_api::TopicPartition;
use connect_api::config::FromConfig as _;
use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::LocalBroker;
use connect_broker::Subscription;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::kill::line;
use crate::kill::line::LINE;
use crate::kill::trigger::Death;
use crate::kill::trigger::Trigger;

/// A pipeline in a folder: `in.txt`, the log in `log`, `out.txt`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pipeline {
    /// The folder.
    pub folder: PathBuf,
    /// Exactly-once on both sides.
    pub exactly_once: bool,
    /// Lines that the source hands over at once.
    pub batch: u64,
    /// Between two commits of offsets.
    pub flush_interval: Duration,
    /// Bytes that the source may have on their way to the log.
    pub in_flight_bytes: u64,
}

/// How far everything is when a process begins, before it does anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// The line that the source reads first, by its committed offset.
    pub read: u64,
    /// The line after the last one in the topic.
    pub sent: u64,
    /// The end of the topic, as an offset.
    pub end: u64,
    /// The offset that the sink reads first, by what its group has committed.
    pub consumed: u64,
    /// Whole lines in the file of the sink.
    pub written: u64,
}

impl Pipeline {
    /// A pipeline in a folder that exists.
    #[must_use]
    pub fn new(folder: PathBuf, exactly_once: bool) -> Self {
        Self {
            folder,
            exactly_once,
            batch: 2000,
            flush_interval: Duration::from_millis(20),
            in_flight_bytes: 16 << 20,
        }
    }

    /// The file that is read.
    #[must_use]
    pub fn input(&self) -> PathBuf {
        self.folder.join("in.txt")
    }

    /// The file that is written.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.folder.join("out.txt")
    }

    /// The folder of the log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Runs it in this process until everything has arrived, or until the process dies. Prints a
    /// [`Look`] first.
    ///
    /// Installs a subscriber: call it once in a process, which it may kill.
    ///
    /// # Errors
    /// Whatever fails.
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
        let broker = LocalBroker::open(self.log()).await?;
        let mut registry = connect_runtime::plugins();
        connect_file::plugins(&mut registry);
        let connect = Connect::builder()
            .registry(registry)
            .broker(broker.clone())
            .worker(self.worker()?)
            .build()
            .await?;
        let look = self.look(&broker, &connect).await?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{look}")
            .and_then(|()| stdout.flush())
            .map_err(|error| Error::external("cannot print").with_source(error))?;
        self.create(&connect).await?;
        connect.until_end().await?;
        let report = connect.shutdown(Duration::from_secs(60)).await;
        if !report.is_clean() {
            return Err(Error::external(format!(
                "the worker did not stop: {report:?}"
            )));
        }
        broker.close().await?;
        Ok(())
    }

    fn worker(&self) -> Result<WorkerConfig> {
        let strings = "org.apache.kafka.connect.storage.StringConverter";
        let config = config_map! {
            "key.converter" => strings,
            "value.converter" => strings,
            "source.max.in.flight.bytes" => self.in_flight_bytes.to_string(),
            "offset.flush.interval.ms" => self.flush_interval.as_millis().to_string(),
            "exactly.once.source.support" => if self.exactly_once { "enabled" } else { "disabled" },
        };
        Ok(WorkerConfig::from_config(&config)?)
    }

    async fn create(&self, connect: &Connect) -> Result<()> {
        let source = config_map! {
            "connector.class" => "FileStreamSource",
            "file" => self.input().display().to_string(),
            "topic" => TOPIC,
            "batch.size" => self.batch.to_string(),
        };
        let sink = config_map! {
            "connector.class" => "FileStreamSink",
            "file" => self.output().display().to_string(),
            "topics" => TOPIC,
            "exactly.once" => self.exactly_once.to_string(),
        };
        for (name, config) in [(SOURCE, source), (SINK, sink)] {
            connect
                .create_connector(name, config)
                .await
                .map_err(|error| Error::external(format!("connector \"{name}\": {error}")))?;
        }
        Ok(())
    }

    async fn look(&self, broker: &LocalBroker, connect: &Connect) -> Result<Look> {
        let offsets = connect.source_offsets(SOURCE);
        let position = offsets
            .first()
            .and_then(|(_, offset)| offset.get("position")?.as_i64());
        let position = u64::try_from(position.unwrap_or(0)).unwrap_or(0);
        let partition = partition();
        let admin = broker.admin(AdminOptions::default()).await?;
        let written = line::whole(&self.output())
            .map_err(|error| Error::external("cannot read the output").with_source(error))?;
        let consumed = admin.group_offsets(GROUP).await?.get(&partition).copied();
        let mut look = Look {
            read: position / LINE,
            consumed: consumed.map_or(0, i64::cast_unsigned),
            written,
            ..Look::default()
        };
        if let Some(end) = end(broker).await? {
            look.end = end;
            let last = read_numbers(broker, end.saturating_sub(1)).await?;
            look.sent = last
                .last()
                .copied()
                .flatten()
                .map_or(0, |(_, number)| number + 1);
        }
        Ok(look)
    }
}

/// The committed records of the topic, from an offset on: their offsets and numbers.
///
/// # Errors
/// The log cannot be read.
pub(crate) async fn read_numbers(
    broker: &LocalBroker,
    from: u64,
) -> Result<Vec<Option<(u64, u64)>>> {
    let Some(end) = end(broker).await? else {
        return Ok(Vec::new());
    };
    let partition = partition();
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    options.isolation = Isolation::ReadCommitted;
    let mut consumer = broker.consumer(options).await?;
    consumer.seek(&partition, from.cast_signed())?;
    let mut numbers = Vec::new();
    while consumer.position(&partition).await?.cast_unsigned() < end {
        if let ConsumerEvent::Records(read) = consumer.poll(Duration::from_secs(10)).await? {
            for record in read.into_iter().flat_map(|part| part.records) {
                let number = record.value.as_deref().and_then(line::number);
                numbers.push(number.map(|number| (record.offset.cast_unsigned(), number)));
            }
        }
    }
    Ok(numbers)
}

/// The end of the topic; `None` if there is none.
async fn end(broker: &LocalBroker) -> Result<Option<u64>> {
    let admin = broker.admin(AdminOptions::default()).await?;
    let partition = partition();
    if admin.describe_topic(&partition.topic).await?.is_none() {
        return Ok(None);
    }
    let partitions = [partition];
    let ends = admin
        .end_offsets(&partitions, Isolation::ReadCommitted)
        .await?;
    Ok(ends
        .values()
        .next()
        .map(|end| end.cast_unsigned())
        .filter(|end| *end > 0))
}

fn partition() -> TopicPartition {
    TopicPartition::new(TOPIC, 0)
}

/// Bytes of a file; 0 if there is none.
pub(crate) fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            read,
            sent,
            end,
            consumed,
            written,
        } = self;
        write!(f, "{read} {sent} {end} {consumed} {written}")
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
                sent: next()?,
                end: next()?,
                consumed: next()?,
                written: next()?,
            })
        };
        look().ok_or_else(|| format!("\"{text}\" is not a look"))
    }
}

const TOPIC: &str = "lines";
const SOURCE: &str = "source";
const SINK: &str = "sink";
const GROUP: &str = "connect-sink";
