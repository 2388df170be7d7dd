//! A compacted topic that a worker keeps something in: read whole at the start, then followed.
//!
//! Each store owns one: configurations, statuses, and source offsets. It works on any log. A reader
//! and a writer that are used apart come from [`TopicLog::into_parts`].

mod open;
mod reader;
mod writer;

use bytes::Bytes;
use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::Result;
use connect_api::TopicPartition;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::Subscription;

use crate::config::StoreTopic;

pub(crate) use reader::TopicReader;
pub(crate) use writer::TopicWriter;
pub(crate) use writer::record;

/// A compacted topic that is read and written.
#[derive(Debug)]
pub(crate) struct TopicLog {
    /// The topic as errors call it.
    name: String,
    reader: TopicReader,
    writer: TopicWriter,
}

/// What the clients of a topic are like.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogClients {
    pub(crate) admin: AdminOptions,
    /// Options of the consumer, in Kafka's names.
    pub(crate) consumer: ConfigMap,
    /// With a transactional id, each write is one transaction: all of it or nothing.
    pub(crate) producer: ProducerOptions,
}

/// A key and a value to be written; without a value it is a tombstone.
pub(crate) type KeyValue = (Bytes, Option<Bytes>);

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    /// True if [`TopicLog::write`] reads back what it has written.
    pub(crate) is_own: bool,
}

impl TopicLog {
    /// Opens a topic, creating it if need be. Nothing is read yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](connect_api::ErrorKind::Config) if the topic is not compacted, has more
    /// partitions than it may, or cannot be created as the configuration says; otherwise what the log
    /// reports.
    pub(crate) async fn open(
        broker: &dyn Broker,
        topic: &StoreTopic,
        clients: LogClients,
    ) -> Result<Self> {
        let name = format!("{} \"{}\"", topic.kind.noun(), topic.name);
        let failed =
            |error: BrokerError| Error::from(error).context(format!("{name} cannot be used"));
        let client_id = clients.admin.client_id.clone();
        let admin = broker.admin(clients.admin).await.map_err(failed)?;
        let count = open::ensure(&*admin, topic).await?;
        let partitions: Vec<_> = (0..count)
            .map(|index| TopicPartition::new(topic.name.clone(), index))
            .collect();
        let mut options = ConsumerOptions::new(Subscription::Partitions(partitions.clone()));
        options.client_id = client_id;
        options.client_config = of_reader(clients.consumer);
        options.isolation = Isolation::ReadCommitted;
        let consumer = broker.consumer(options).await.map_err(failed)?;
        let writer = TopicWriter::open(broker, topic.name.clone(), clients.producer);
        let writer = writer.await.map_err(failed)?;
        Ok(Self {
            reader: TopicReader::new(admin, consumer, partitions),
            writer,
            name,
        })
    }

    /// Reads to the end that the topic has now.
    ///
    /// # Errors
    /// What the log reports; what was read by then is not read again.
    pub(crate) async fn read_to_end(&mut self, fold: &mut (dyn FnMut(Entry) + Send)) -> Result<()> {
        let read = self.reader.read_to_end(Isolation::ReadUncommitted, fold);
        read.await.map_err(|error| self.not_read(error))
    }

    /// Writes entries in this order and returns once they are durable and were read back, with
    /// everything before them.
    ///
    /// # Errors
    /// What the log reports. With transactions nothing of it is in the topic, unless the log does not
    /// answer; then it may be, and is read later.
    pub(crate) async fn write(
        &mut self,
        entries: Vec<KeyValue>,
        fold: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<()> {
        let written = self.writer.write(entries, None).await.map_err(|error| {
            Error::from(error).context(format!("{} cannot be written", self.name))
        })?;
        let read = self.reader.read_past(&written, fold);
        read.await.map_err(|error| self.not_read(error))
    }

    /// Waits until there is something new.
    ///
    /// *Cancellation*: safe; nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// What the log reports.
    pub(crate) async fn follow(&mut self, fold: &mut (dyn FnMut(Entry) + Send)) -> Result<()> {
        let followed = self.reader.follow(fold).await;
        followed.map_err(|error| self.not_read(error))
    }

    /// Reader and writer, to be used apart.
    pub(crate) fn into_parts(self) -> (TopicReader, TopicWriter) {
        (self.reader, self.writer)
    }

    fn not_read(&self, error: BrokerError) -> Error {
        Error::from(error).context(format!("{} cannot be read", self.name))
    }
}

/// Options of a consumer that reads all that is committed from the beginning, outside any group.
fn of_reader(mut config: ConfigMap) -> ConfigMap {
    config.remove("group.id");
    config.remove("group.instance.id");
    config.insert("auto.offset.reset", "earliest");
    config.insert("isolation.level", "read_committed");
    if !config.contains_key("fetch.max.wait.ms") {
        config.insert("fetch.max.wait.ms", END_WAIT_MS);
    }
    config
}

/// How long a broker waits for more when it is asked for what follows the last record: what follows
/// may be marks of transactions, which only its answer shows.
const END_WAIT_MS: &str = "10";
