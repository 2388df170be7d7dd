//! The log of a pipeline, and the content of its topic.

use std::sync::Arc;
use std::time::Duration;

use connect_api::Result;
use connect_api::TopicPartition;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::Subscription;
#[cfg(feature = "kafka")]
use connect_broker::admin::NewTopic;
use connect_log::LocalBroker;

use crate::kill::line;
use crate::kill::pipeline::Pipeline;

/// The open log of a pipeline.
pub(crate) struct Log {
    broker: Arc<dyn Broker>,
    /// The log inside the process, to close it.
    local: Option<LocalBroker>,
    partition: TopicPartition,
}

impl Log {
    /// Opens the log. The log inside the process can be open only once at a time.
    pub(crate) async fn open(pipeline: &Pipeline) -> Result<Self> {
        let partition = TopicPartition::new(pipeline.name.as_str(), 0);
        if pipeline.kafka.is_some() {
            let broker = kafka(pipeline)?;
            return Ok(Self {
                broker,
                local: None,
                partition,
            });
        }
        let local = LocalBroker::open(pipeline.log()).await?;
        Ok(Self {
            broker: Arc::new(local.clone()),
            local: Some(local),
            partition,
        })
    }

    /// Creates the topic of a pipeline on Kafka.
    #[cfg(feature = "kafka")]
    pub(crate) async fn create_topic(pipeline: &Pipeline) -> Result<()> {
        let broker = kafka(pipeline)?;
        let admin = broker.admin(AdminOptions::default()).await?;
        let topic = NewTopic::new(pipeline.name.as_str()).partitions(1);
        Ok(admin.create_topic(topic).await?)
    }

    pub(crate) fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker)
    }

    /// Returns the only partition of the topic.
    pub(crate) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Returns the end offset of the topic for readers of committed records; 0 without a topic.
    pub(crate) async fn end(&self) -> Result<u64> {
        let admin = self.broker.admin(AdminOptions::default()).await?;
        let topic = &self.partition.topic;
        if admin.describe_topic(topic).await?.is_none() {
            return Ok(0);
        }
        let partitions = [self.partition.clone()];
        let isolation = Isolation::ReadCommitted;
        let ends = admin.end_offsets(&partitions, isolation).await?;
        Ok(ends.values().next().map_or(0, |end| end.cast_unsigned()))
    }

    /// Returns the numbers of the committed records; `None` for a damaged line.
    pub(crate) async fn numbers(&self) -> Result<Vec<Option<u64>>> {
        let end = self.end().await?;
        let partition = &self.partition;
        let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
        options.isolation = Isolation::ReadCommitted;
        let mut consumer = self.broker.consumer(options).await?;
        let mut numbers = Vec::new();
        while consumer.position(partition).await?.cast_unsigned() < end {
            if let ConsumerEvent::Records(read) = consumer.poll(POLL_WAIT).await? {
                let records = read.into_iter().flat_map(|part| part.records);
                numbers
                    .extend(records.map(|record| record.value.as_deref().and_then(line::number)));
            }
        }
        Ok(numbers)
    }

    pub(crate) async fn close(self) -> Result<()> {
        if let Some(local) = self.local {
            local.close().await?;
        }
        Ok(())
    }
}

/// How long one poll waits. It is not a timeout: markers of transactions, which are not records, may
/// follow the last record.
const POLL_WAIT: Duration = Duration::from_millis(100);

#[cfg(feature = "kafka")]
fn kafka(pipeline: &Pipeline) -> Result<Arc<dyn Broker>> {
    Ok(Arc::new(connect_kafka::KafkaBroker::new(
        pipeline.worker(),
    )?))
}

#[cfg(not(feature = "kafka"))]
fn kafka(_: &Pipeline) -> Result<Arc<dyn Broker>> {
    Err(connect_api::Error::unsupported(
        "this program was built without Kafka; build it with --features kafka,kill",
    ))
}
