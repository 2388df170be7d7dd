//! A broker that restarts and connections that break: no record is lost or doubled.

#![expect(clippy::unwrap_used, reason = "a test that cannot start has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use connect_api::LogOffsets;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_broker::AdminOptions;
use connect_broker::Broker;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Isolation;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_broker::admin::NewTopic;
use connect_kafka::KafkaBroker;
use connect_testkit::kafka::KafkaCluster;
use connect_testkit::kafka::Listener;

const RECORDS: u64 = 60_000;

/// A wait that takes longer fails its test.
const PATIENCE: Duration = Duration::from_secs(120);

async fn in_time<T>(doing: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, doing).await;
    done.unwrap_or_else(|_| panic!("not done after {PATIENCE:?}"))
}

async fn start() -> Arc<KafkaCluster> {
    let start = || Arc::new(KafkaCluster::builder().proxied().start());
    tokio::task::spawn_blocking(start).await.unwrap()
}

fn broker(kafka: &KafkaCluster) -> KafkaBroker {
    let options = config_map! {
        "bootstrap.servers" => kafka.bootstrap_of(Listener::Proxied),
        "reconnect.backoff.max.ms" => 500,
        "request.timeout.ms" => 120_000,
        "default.api.timeout.ms" => 120_000,
    };
    KafkaBroker::new(options).unwrap()
}

async fn create(broker: &KafkaBroker, topic: &str) {
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    admin
        .create_topic(NewTopic::new(topic).partitions(1))
        .await
        .unwrap();
}

/// Disturbs the cluster for a number of rounds: cuts, silences, and kills the broker once.
async fn disturb(kafka: Arc<KafkaCluster>, rounds: usize) {
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(400)).await;
        match round % 3 {
            0 => kafka.proxy(0).cut(),
            1 => {
                kafka.proxy(0).half_open();
                tokio::time::sleep(Duration::from_millis(300)).await;
                kafka.proxy(0).heal();
            }
            _ => {
                let kafka = Arc::clone(&kafka);
                tokio::task::spawn_blocking(move || kafka.restart(0))
                    .await
                    .unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_invisible_in_receipts_and_records() {
    let kafka = start().await;
    let broker = broker(&kafka);
    create(&broker, "lines").await;
    let (mut producer, mut receipts) = broker.producer(ProducerOptions::default()).await.unwrap();
    let disturbing = tokio::spawn(disturb(Arc::clone(&kafka), 3));
    let reading = tokio::spawn(async move {
        let mut seen = 0;
        while seen < RECORDS {
            for receipt in receipts.next().await.unwrap() {
                receipt.outcome.unwrap();
                seen += receipt.tokens.end - receipt.tokens.start;
            }
        }
    });
    let partition = TopicPartition::new("lines", 0);
    let options = ConsumerOptions::new(Subscription::Partitions(vec![partition]));
    let mut consumer = broker.consumer(options).await.unwrap();
    let consuming = tokio::spawn(async move { read(consumer.as_mut(), RECORDS).await });
    for first in (0..RECORDS).step_by(1_000) {
        let record =
            |token: u64| ProducerRecord::new(token, "lines", token.to_string().into_bytes());
        producer
            .send((first..first + 1_000).map(record).collect())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    producer.flush().await.unwrap();
    in_time(reading).await.unwrap();
    let values = in_time(consuming).await.unwrap();
    let expected: Vec<_> = (0..RECORDS).map(|token| token.to_string()).collect();
    assert!(
        values == expected,
        "the topic does not have what was sent, in order"
    );
    disturbing.await.unwrap();
}

async fn read(consumer: &mut dyn Consumer, count: u64) -> Vec<String> {
    let mut values = Vec::new();
    while (values.len() as u64) < count {
        if let ConsumerEvent::Records(groups) = consumer.poll(Duration::from_secs(1)).await.unwrap()
        {
            for record in groups.into_iter().flat_map(|group| group.records) {
                values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
            }
        }
    }
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_survive_faults() {
    let kafka = start().await;
    let broker = broker(&kafka);
    create(&broker, "exact").await;
    let mut options = ProducerOptions::default();
    options.transactional_id = Some("id".into());
    let (mut producer, mut receipts) = broker.producer(options).await.unwrap();
    tokio::spawn(async move { while receipts.next().await.is_some() {} });
    let disturbing = tokio::spawn(disturb(Arc::clone(&kafka), 3));
    let mut committed = Vec::new();
    let mut token = 0;
    let writing = async {
        for round in 0.. {
            if round >= 100 && disturbing.is_finished() {
                break;
            }
            producer.begin().await.unwrap();
            let values: Vec<String> = (0..20).map(|number| format!("{round}-{number}")).collect();
            let batch = values.iter().map(|value| {
                token += 1;
                ProducerRecord::new(token, "exact", value.clone().into_bytes())
            });
            producer.send(batch.collect()).await.unwrap();
            match producer.commit().await {
                Ok(()) => committed.extend(values),
                Err(_) => producer.abort().await.unwrap(),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    in_time(writing).await;
    disturbing.await.unwrap();
    let partition = TopicPartition::new("exact", 0);
    let mut options = ConsumerOptions::new(Subscription::Partitions(vec![partition]));
    options.isolation = Isolation::ReadCommitted;
    let mut consumer = broker.consumer(options).await.unwrap();
    let read = in_time(read(consumer.as_mut(), committed.len() as u64)).await;
    assert_eq!(
        read.iter().collect::<BTreeSet<_>>().len(),
        read.len(),
        "doubled records"
    );
    assert!(
        read == committed,
        "the topic does not have what was committed"
    );
}

/// A producer whose caller no longer waits does not take the transactional id of a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_producer_does_not_fence_a_later_one() {
    let kafka = start().await;
    let proxied = broker(&kafka);
    let direct = config_map! { "bootstrap.servers" => kafka.bootstrap() };
    let direct = KafkaBroker::new(direct).unwrap();
    create(&direct, "exact").await;
    let mut options = ProducerOptions::default();
    options.transactional_id = Some("id".into());
    let (mut producer, _receipts) = direct.producer(options.clone()).await.unwrap();

    kafka.proxy(0).refuse();
    options.client_config = config_map! { "max.block.ms" => i32::MAX };
    let opening = proxied.producer(options);
    let opened = tokio::time::timeout(Duration::from_millis(500), opening).await;
    assert!(opened.is_err(), "a cluster that is away gave an id");
    // The last turn of the call that was given up, until no connection is made.
    let mut refused = 0;
    while kafka.proxy(0).refused() > refused {
        refused = kafka.proxy(0).refused();
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    kafka.proxy(0).heal();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        producer.begin().await.unwrap();
        let offsets = LogOffsets::from_iter([(TopicPartition::new("exact", 0), 1)]);
        producer.send_offsets("group", &offsets).await.unwrap();
        producer.commit().await.unwrap();
    }
}

/// Cooperative members keep the partitions that stay theirs while others join.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cooperative_members_lose_only_the_partitions_that_move() {
    let kafka = tokio::task::spawn_blocking(KafkaCluster::shared)
        .await
        .unwrap();
    let broker =
        KafkaBroker::new(config_map! { "bootstrap.servers" => kafka.bootstrap() }).unwrap();
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    admin
        .create_topic(NewTopic::new("cooperative").partitions(4))
        .await
        .unwrap();
    let mut options = ConsumerOptions::new(Subscription::Topics(vec!["cooperative".into()]));
    options.group = Some("cooperative".into());
    options.client_config =
        config_map! { "partition.assignment.strategy" => "x.CooperativeStickyAssignor" };
    let mut first = broker.consumer(options.clone()).await.unwrap();
    let mut owned = BTreeSet::new();
    let wait = Duration::from_millis(50);
    let all_to_first = async {
        while owned.len() < 4 {
            step(first.as_mut(), &mut owned, wait).await;
        }
    };
    in_time(all_to_first).await;
    let mut second = broker.consumer(options).await.unwrap();
    let mut others = BTreeSet::new();
    let mut least = owned.len();
    let half_to_second = async {
        while others.len() < 2 {
            step(first.as_mut(), &mut owned, wait).await;
            step(second.as_mut(), &mut others, wait).await;
            least = least.min(owned.len());
            assert!(owned.is_disjoint(&others));
        }
    };
    in_time(half_to_second).await;
    assert_eq!(least, 2, "the first member gave up more than what moved");
}

async fn step(consumer: &mut dyn Consumer, owned: &mut BTreeSet<TopicPartition>, wait: Duration) {
    match consumer.poll(wait).await.unwrap() {
        ConsumerEvent::Assigned(partitions) => owned.extend(partitions),
        ConsumerEvent::Revoked(partitions) | ConsumerEvent::Lost(partitions) => {
            owned.retain(|partition| !partitions.contains(partition));
        }
        _ => return,
    }
    consumer.rebalanced().await.unwrap();
}

/// Requests for offsets while the broker restarts do not fail, and do not end the process, which
/// librdkafka does for clients without a group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_are_returned_while_the_broker_restarts() {
    let kafka = start().await;
    let broker = broker(&kafka);
    create(&broker, "grouped").await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let partitions = [TopicPartition::new("grouped", 0)];
    let offsets = [(partitions[0].clone(), Some(7))].into();
    admin.alter_group_offsets("group", &offsets).await.unwrap();
    let restarting = Arc::clone(&kafka);
    let restart = tokio::task::spawn_blocking(move || restarting.restart(0));
    loop {
        let is_over = restart.is_finished();
        let told = admin.group_offsets("group").await.unwrap();
        assert_eq!(told.get(&partitions[0]), Some(&7));
        let ends = admin.end_offsets(&partitions, Isolation::ReadCommitted);
        assert_eq!(ends.await.unwrap().get(&partitions[0]), Some(&0));
        if is_over {
            break;
        }
    }
    restart.await.unwrap();
}

/// A request that was given up because the coordinator did not answer is not carried out later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_change_of_offsets_is_not_made_later() {
    let kafka = start().await;
    let broker = broker(&kafka);
    create(&broker, "abandoned").await;
    let admin = broker.admin(AdminOptions::default()).await.unwrap();
    let partition = TopicPartition::new("abandoned", 0);
    let offsets = |offset| [(partition.clone(), Some(offset))].into();
    admin
        .alter_group_offsets("group", &offsets(7))
        .await
        .unwrap();
    kafka.proxy(0).refuse();
    let abandoned = offsets(3);
    let altering = admin.alter_group_offsets("group", &abandoned);
    let altered = tokio::time::timeout(Duration::from_secs(1), altering).await;
    assert!(altered.is_err(), "a cluster that is away made a change");
    // Its client ends, which cannot be observed from here.
    tokio::time::sleep(Duration::from_secs(2)).await;
    kafka.proxy(0).heal();
    for _ in 0..30 {
        let told = admin.group_offsets("group").await.unwrap();
        assert_eq!(told.get(&partition), Some(&7));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Who has created a topic can use it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_topic_is_known_when_its_creation_returns() {
    let kafka = start().await;
    let broker = broker(&kafka);
    for number in 0..20 {
        let topic = format!("new-{number}");
        let admin = broker.admin(AdminOptions::default()).await.unwrap();
        let new = NewTopic::new(topic.as_str()).partitions(3);
        admin.create_topic(new).await.unwrap();
        admin.topic_config(&topic.as_str().into()).await.unwrap();
        let partitions = [0, 1, 2].map(|index| TopicPartition::new(topic.as_str(), index));
        let ends = admin.end_offsets(&partitions, Isolation::ReadCommitted);
        assert_eq!(ends.await.unwrap().len(), 3);
    }
}
