//! Consumer groups: how they are left and deleted, where they start, and patterns.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_api::pattern::Pattern;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::StartOffset;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_kafka::KafkaBroker;
use connect_testkit::kafka::KafkaCluster;
use rdkafka::mocking::MockCluster;
use rdkafka::types::RDKafkaApiKey;
use rdkafka::types::RDKafkaRespErr;

async fn broker() -> KafkaBroker {
    let kafka = tokio::task::spawn_blocking(KafkaCluster::shared)
        .await
        .unwrap();
    KafkaBroker::new(config_map! { "bootstrap.servers" => kafka.bootstrap() }).unwrap()
}

/// A broker with a topic of one partition, and options of a member of a group with the same name.
async fn prepare(name: &str) -> (KafkaBroker, TopicPartition, ConsumerOptions) {
    let broker = broker().await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    admin
        .create_topic(NewTopic::new(name).partitions(1))
        .await
        .unwrap();
    let mut options = ConsumerOptions::new(Subscription::Topics(vec![name.into()]));
    options.group = Some(name.into());
    (broker, TopicPartition::new(name, 0), options)
}

async fn assigned(consumer: &mut dyn Consumer) {
    let waiting = async {
        while !matches!(
            consumer.poll(Duration::from_secs(1)).await.unwrap(),
            ConsumerEvent::Assigned(_)
        ) {}
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
    consumer.rebalanced().await.unwrap();
}

/// A member resumes the partitions that it keeps in a rebalance where it was, which may be the end.
#[tokio::test]
async fn a_cooperative_rebalance_at_the_end_skips_nothing() {
    let name = "cooperative-end";
    let broker = broker().await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let topic = NewTopic::new(name).partitions(2);
    admin.create_topic(topic).await.unwrap();
    let mut options = ConsumerOptions::new(Subscription::Topics(vec![name.into()]));
    options.group = Some(name.into());
    options.client_config =
        config_map! { "partition.assignment.strategy" => "x.CooperativeStickyAssignor" };
    let mut first = broker.consumer(options.clone()).await.unwrap();
    assigned(first.as_mut()).await;
    let long = Duration::from_secs(1);
    for _ in 0..3 {
        // Long enough to reach both ends.
        assert_eq!(poll(first.as_mut(), long).await, Vec::<i32>::new());
    }
    // While the group waits for the first member to give one up, both get a record.
    let mut second = broker.consumer(options).await.unwrap();
    for _ in 0..5 {
        assert_eq!(poll(second.as_mut(), long).await, Vec::<i32>::new());
    }
    let (mut producer, _receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    let record = |partition| {
        let mut record = ProducerRecord::new(0, name, "x");
        record.partition = Some(partition);
        record
    };
    producer.send(vec![record(0), record(1)]).await.unwrap();
    producer.flush().await.unwrap();
    let mut read = Vec::new();
    let all = async {
        while read.len() < 2 {
            read.extend(poll(first.as_mut(), long / 10).await);
            read.extend(poll(second.as_mut(), long / 10).await);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .unwrap();
    read.sort_unstable();
    assert_eq!(read, [0, 1]);
}

/// Polls once and returns the partitions of the records.
async fn poll(consumer: &mut dyn Consumer, wait: Duration) -> Vec<i32> {
    match consumer.poll(wait).await.unwrap() {
        ConsumerEvent::Records(groups) => {
            let partition = |group: connect_broker::PartitionRecords| {
                vec![group.partition.partition; group.records.len()]
            };
            return groups.into_iter().flat_map(partition).collect();
        }
        ConsumerEvent::Idle => {}
        _ => consumer.rebalanced().await.unwrap(),
    }
    Vec::new()
}

#[tokio::test]
async fn deleting_a_group_that_does_not_exist_succeeds() {
    let admin = broker().await.admin(AdminOptions::default()).await.unwrap();
    admin.delete_group("never-was").await.unwrap();
}

/// The process may end right after.
#[tokio::test]
async fn a_closed_consumer_has_left_its_group() {
    let (broker, partition, options) = prepare("left").await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    for protocol in ["classic", "consumer"] {
        let mut options = options.clone();
        let group = format!("left-{protocol}");
        options.group = Some(group.clone());
        options.client_config = config_map! { "group.protocol" => protocol };
        let mut consumer = broker.consumer(options).await.unwrap();
        assigned(consumer.as_mut()).await;
        let offsets = [(partition.clone(), Some(1))].into();
        let altered = admin.alter_group_offsets(&group, &offsets).await;
        assert!(matches!(altered, Err(BrokerError::GroupInUse { .. })));
        consumer.close().await;
        admin.alter_group_offsets(&group, &offsets).await.unwrap();
    }
}

/// `auto.offset.reset=none`, as in Java.
#[tokio::test]
async fn without_a_reset_only_committed_offsets_are_a_start() {
    let (broker, partition, mut options) = prepare("reset-none").await;
    options.client_config = config_map! { "auto.offset.reset" => "none" };
    let is_right = |error: BrokerError| {
        let text = error.to_string();
        assert!(matches!(error, BrokerError::Rejected(_)), "{text}");
        for word in ["reset-none-0", "group \"reset-none\"", "auto.offset.reset"] {
            assert!(text.contains(word), "{text}");
        }
    };
    let mut consumer = broker.consumer(options.clone()).await.unwrap();
    assigned(consumer.as_mut()).await;
    is_right(consumer.position(&partition).await.unwrap_err());
    let reading = async {
        loop {
            if let Err(error) = consumer.poll(Duration::from_secs(1)).await {
                break error;
            }
        }
    };
    let failed = tokio::time::timeout(Duration::from_secs(60), reading).await;
    is_right(failed.unwrap());

    let offsets = LogOffsets::from_iter([(partition.clone(), 0)]);
    consumer.commit(&offsets).await.unwrap();
    drop(consumer);
    let mut consumer = broker.consumer(options).await.unwrap();
    assigned(consumer.as_mut()).await;
    assert_eq!(consumer.position(&partition).await.unwrap(), 0);
    consumer.poll(Duration::from_secs(1)).await.unwrap();
}

/// Creates topics, subscribes to a pattern, and returns the topics that are read once `count` are.
async fn topics_read(name: &str, pattern: &str, topics: &[&str], count: usize) -> Vec<String> {
    let broker = broker().await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let (mut producer, _receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    for topic in topics {
        let new = NewTopic::new(*topic).partitions(1);
        admin.create_topic(new).await.unwrap();
        let record = ProducerRecord::new(0, *topic, "x");
        producer.send(vec![record]).await.unwrap();
    }
    producer.flush().await.unwrap();
    let pattern = Pattern::new(pattern).unwrap();
    let mut options = ConsumerOptions::new(Subscription::Pattern(pattern));
    options.group = Some(name.into());
    let mut consumer = broker.consumer(options).await.unwrap();
    let mut read = Vec::new();
    let all = async {
        while read.len() < count {
            match consumer.poll(Duration::from_secs(1)).await.unwrap() {
                ConsumerEvent::Records(groups) => {
                    let topic = |group: connect_broker::PartitionRecords| group.partition.topic;
                    read.extend(groups.into_iter().map(topic).map(|topic| topic.to_string()));
                }
                ConsumerEvent::Idle => {}
                _ => consumer.rebalanced().await.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .unwrap();
    read.sort_unstable();
    read
}

#[tokio::test]
async fn a_pattern_may_look_ahead() {
    let topics = ["ahead-a", "ahead-internal", "ahead-b"];
    let read = topics_read("ahead", "^(?!ahead-internal|__)ahead-.*", &topics, 2).await;
    assert_eq!(read, ["ahead-a", "ahead-b"]);
}

#[tokio::test]
async fn a_pattern_may_look_behind() {
    let topics = ["behind-a.dev", "behind-a", "behind-b"];
    let read = topics_read("behind", "behind-.*(?<!\\.dev)", &topics, 2).await;
    assert_eq!(read, ["behind-a", "behind-b"]);
}

#[tokio::test]
async fn a_pattern_may_refer_back() {
    let topics = ["back-eu.eu", "back-eu.us", "back-us.us"];
    let read = topics_read("back", "back-(eu|us)\\.\\1", &topics, 2).await;
    assert_eq!(read, ["back-eu.eu", "back-us.us"]);
}

/// Neither reading nor skipping the topic would be right.
#[tokio::test]
async fn a_pattern_that_takes_too_many_steps_is_an_error_with_its_name() {
    let broker = broker().await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let topic = format!("steps-{}", "a".repeat(200));
    admin
        .create_topic(NewTopic::new(topic.clone()).partitions(1))
        .await
        .unwrap();
    let text = "steps-(?=a)(a+)+(a+)+(a+)+\\1!";
    let mut options = ConsumerOptions::new(Subscription::Pattern(Pattern::new(text).unwrap()));
    options.group = Some("steps".into());
    let mut consumer = broker.consumer(options).await.unwrap();
    let failing = async {
        loop {
            if let Err(error) = consumer.poll(Duration::from_secs(1)).await {
                break error;
            }
        }
    };
    let failed = tokio::time::timeout(Duration::from_secs(60), failing).await;
    let error = failed.unwrap().to_string();
    assert!(error.contains(text) && error.contains(&topic), "{error}");
    let again = consumer.poll(Duration::ZERO).await.unwrap_err();
    assert_eq!(again.to_string(), error, "it stays failed");
}

/// With `latest`, records would be skipped.
#[tokio::test]
async fn a_failed_look_up_is_not_read_as_no_committed_offset() {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic("t", 1, 1).unwrap();
    let options = config_map! { "bootstrap.servers" => mock.bootstrap_servers() };
    let broker = KafkaBroker::new(options).unwrap();
    let (mut producer, _receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    let records = (0..10).map(|token| ProducerRecord::new(token, "t", "v"));
    producer.send(records.collect()).await.unwrap();
    producer.flush().await.unwrap();

    let partition = TopicPartition::new("t", 0);
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition.clone()]));
    options.group = Some("g".into());
    options.start = StartOffset::Latest;
    let mut consumer = broker.consumer(options.clone()).await.unwrap();
    assert_eq!(consumer.position(&partition).await.unwrap(), 10);
    let offsets = LogOffsets::from_iter([(partition.clone(), 5)]);
    consumer.commit(&offsets).await.unwrap();

    let problem = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN;
    mock.request_errors(RDKafkaApiKey::OffsetFetch, &[problem; 2]);
    let mut consumer = broker.consumer(options).await.unwrap();
    assert_eq!(consumer.position(&partition).await.unwrap(), 5);
    mock.request_errors(RDKafkaApiKey::OffsetFetch, &[problem; 2]);
    let partitions = [partition.clone()];
    assert_eq!(consumer.committed(&partitions).await.unwrap(), offsets);
}
