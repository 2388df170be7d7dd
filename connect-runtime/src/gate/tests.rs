use std::time::Duration;

use connect_broker::Broker;
use connect_broker::BrokerError;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::ProducerOptions;
use connect_broker::ProducerRecord;
use connect_broker::Subscription;
use connect_log::LocalBroker;

use super::*;

fn record(token: u64) -> ProducerRecord {
    ProducerRecord {
        token,
        topic: "t".into(),
        partition: Some(0),
        timestamp: None,
        key: None,
        value: Some(bytes::Bytes::from_static(b"x")),
        headers: connect_api::record::RawHeaders::new(),
    }
}

fn gated(broker: &LocalBroker) -> (GatedBroker, Gate) {
    let gate = Gate::default();
    let inner: Arc<dyn Broker> = Arc::new(broker.clone());
    let clone = gate.clone();
    (GatedBroker { inner, gate: clone }, gate)
}

#[tokio::test]
async fn nothing_is_handed_over_after_the_cut() {
    let broker = LocalBroker::memory();
    let (gated, gate) = gated(&broker);
    let (mut producer, _receipts) = gated.producer(ProducerOptions::default()).await.unwrap();
    producer.send(vec![record(0)]).await.unwrap();
    producer.flush().await.unwrap();
    gate.shut(&Handle::current());
    let sent = producer.send(vec![record(1)]).await;
    assert!(matches!(sent, Err(BrokerError::Closed)));
    let opened = gated.producer(ProducerOptions::default()).await;
    assert!(matches!(opened, Err(BrokerError::Closed)));
    let partition = connect_api::TopicPartition::new("t", 0);
    let admin = broker.admin(Default::default()).await.unwrap();
    let ends = admin
        .end_offsets(
            std::slice::from_ref(&partition),
            connect_broker::Isolation::ReadUncommitted,
        )
        .await
        .unwrap();
    assert_eq!(ends.get(&partition), Some(&1));
}

#[tokio::test]
async fn a_consumer_that_is_cut_off_leaves_its_group_though_somebody_holds_it() {
    let broker = LocalBroker::memory();
    let admin = broker.admin(Default::default()).await.unwrap();
    admin
        .create_topic(connect_broker::admin::NewTopic::new("t").partitions(1))
        .await
        .unwrap();
    let options = || {
        let mut options = ConsumerOptions::new(Subscription::Topics(vec!["t".into()]));
        options.group = Some("g".into());
        options
    };
    let (gated, gate) = gated(&broker);
    let mut first = gated.consumer(options()).await.unwrap();
    let event = first.poll(Duration::from_secs(20)).await.unwrap();
    assert!(matches!(event, ConsumerEvent::Assigned(_)), "{event:?}");
    first.rebalanced().await.unwrap();

    gate.shut(&Handle::current());
    let mut second = broker.consumer(options()).await.unwrap();
    let event = second.poll(Duration::from_secs(20)).await.unwrap();
    assert!(
        matches!(&event, ConsumerEvent::Assigned(partitions) if partitions.len() == 1),
        "{event:?}"
    );
    let poll = first.poll(Duration::from_secs(20)).await;
    assert!(matches!(poll, Err(BrokerError::Closed)));
}
