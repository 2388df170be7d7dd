//! The Kafka harness starts, survives a killed node and cleans up.

#![cfg(feature = "kafka")]

use connect_testkit::kafka::KafkaCluster;
use connect_testkit::kafka::Listener;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

#[test]
fn a_killed_node_keeps_its_topics() {
    let kafka = KafkaCluster::builder().proxied().start();
    let address = kafka.bootstrap_of(Listener::Proxied);
    let _ = kafka.tool(
        TOPICS,
        &["--bootstrap-server", address, "--create", "--topic", "kept"],
    );
    kafka.kill(0);
    kafka.restart(0);
    assert_eq!(
        kafka
            .tool(TOPICS, &["--bootstrap-server", address, "--list"])
            .trim(),
        "kept"
    );
}
