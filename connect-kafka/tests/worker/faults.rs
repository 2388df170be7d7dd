//! Faults of producers: permanent ones fail the task, passing ones only delay it.

use std::time::Duration;

use connect_api::ConfigMap;
use connect_api::TopicPartition;
use connect_api::config_map;
use connect_broker::admin::NewTopic;
use connect_runtime::State;
use connect_testkit::kafka::ADMIN_USER;
use connect_testkit::kafka::KafkaCluster;
use connect_testkit::kafka::Listener;
use connect_testkit::kafka::POWERLESS_PASSWORD;
use connect_testkit::kafka::POWERLESS_USER;
use tokio::sync::Mutex;
use tokio::sync::MutexGuard;

use crate::support::*;

/// Held by the test that disturbs the connections to the broker.
static WAY: Mutex<()> = Mutex::const_new(());

/// Disturbs the connections to the broker, one test at a time. Repairs them when dropped.
struct Way {
    kafka: &'static KafkaCluster,
    _only: MutexGuard<'static, ()>,
}

impl Way {
    async fn new() -> Self {
        let _only = WAY.lock().await;
        let kafka = kafka().await;
        Self { kafka, _only }
    }

    fn cut(&self) {
        self.kafka.proxy(0).refuse();
        self.kafka.proxy(0).cut();
    }

    fn heal(&self) {
        self.kafka.proxy(0).heal();
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.heal();
    }
}

async fn too_large(topic: &str, limit: &str, more: ConfigMap) {
    let connect = worker(&format!("{topic}-offsets"), &Seen::default()).await;
    let config = with(
        numbers(topic, 20),
        config_map! {
            "batch" => 1, "long.at" => 7, "blanks" => 20_000,
        },
    );
    connect
        .create_connector("in", with(config, more))
        .await
        .unwrap();
    let trace = failure(&connect, "in").await;
    for part in [
        topic,
        "limit of",
        limit,
        "record 7 of the task",
        "series=numbers",
    ] {
        assert!(trace.contains(part), "{part}: {trace}");
    }
    // A task is FAILED before its last offsets are committed.
    eventually("the offset of the record", async || {
        (next(&connect, "in", 0) == Some(7)).then_some(())
    })
    .await;
    end(connect).await;
    assert_eq!(settled(topic).await[..7], range(0..7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_larger_than_the_limit_of_the_client_fails_the_task() {
    create_topic("too-large", 1).await;
    let more = config_map! { "producer.override.max.request.size" => 10_000 };
    too_large("too-large", "10000", more).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_larger_than_the_limit_of_the_topic_fails_the_task() {
    let topic = NewTopic::new("too-large-there").partitions(1);
    let topic = topic.with("max.message.bytes", "9000");
    admin().await.create_topic(topic).await.unwrap();
    too_large("too-large-there", "9000", config_map! {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_small_records_is_not_larger_than_the_limit_of_the_topic() {
    let topic = NewTopic::new("small-ones").partitions(1);
    let topic = topic.with("max.message.bytes", "2000");
    admin().await.create_topic(topic).await.unwrap();
    let connect = worker("small-ones-offsets", &Seen::default()).await;
    let config = with(
        numbers("small-ones", 5_000),
        config_map! { "batch" => 1_000 },
    );
    connect.create_connector("in", config).await.unwrap();
    eventually("the offset or a failure", async || {
        let status = connect.status("in").await.unwrap();
        assert!(
            status.tasks.iter().all(|task| task.state != State::Failed),
            "{status:?}"
        );
        (next(&connect, "in", 0) == Some(5_000)).then_some(())
    })
    .await;
    end(connect).await;
}

fn powerless(kafka: &KafkaCluster) -> ConfigMap {
    let jaas = format!(
        "org.apache.kafka.common.security.plain.PlainLoginModule required \
         username=\"{POWERLESS_USER}\" password=\"{POWERLESS_PASSWORD}\";"
    );
    config_map! {
        "producer.override.bootstrap.servers" => kafka.bootstrap_of(Listener::Sasl),
        "producer.override.security.protocol" => "SASL_PLAINTEXT",
        "producer.override.sasl.mechanism" => "PLAIN",
        "producer.override.sasl.jaas.config" => jaas,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_without_the_right_to_write_fails_the_task() {
    assert_ne!(ADMIN_USER, POWERLESS_USER);
    let kafka = kafka().await;
    create_topic("forbidden", 1).await;
    create_topic("allowed", 1).await;
    let connect = worker("forbidden-offsets", &Seen::default()).await;
    let config = with(numbers("allowed", 20), powerless(kafka));
    connect.create_connector("too-early", config).await.unwrap();
    let trace = failure(&connect, "too-early").await;
    assert!(trace.contains("not authorized"), "{trace}");
    // The right to write to some topic includes that to be an idempotent producer.
    let arguments = [
        "--bootstrap-server",
        kafka.bootstrap(),
        "--add",
        "--topic",
        "allowed",
        "--allow-principal",
        "User:bob",
        "--operation",
        "Write",
        "--operation",
        "Describe",
    ];
    let _ = tokio::task::spawn_blocking(move || {
        kafka.tool("org.apache.kafka.tools.AclCommand", &arguments)
    })
    .await
    .unwrap();
    let allowed = with(numbers("allowed", 20), powerless(kafka));
    connect.create_connector("allowed", allowed).await.unwrap();
    reaches(&connect, "allowed", 20).await;
    let forbidden = with(numbers("forbidden", 20), powerless(kafka));
    connect
        .create_connector("forbidden", forbidden)
        .await
        .unwrap();
    let trace = failure(&connect, "forbidden").await;
    assert!(
        trace.contains("not authorized: topic \"forbidden\""),
        "{trace}"
    );
    assert!(trace.contains("record 0 of the task"), "{trace}");
    assert_eq!(next(&connect, "forbidden", 0), None, "no offset passes it");
    end(connect).await;
}

/// A worker whose connections to the broker can be disturbed.
async fn disturbed(offsets: &str, seen: &Seen) -> connect_runtime::Connect {
    // Creating it may take longer than the time limits below.
    end(worker_with(offsets, config_map! {}, seen).await).await;
    let more = config_map! {
        "bootstrap.servers" => kafka().await.bootstrap_of(Listener::Proxied),
        "admin.request.timeout.ms" => 5_000,
        "admin.default.api.timeout.ms" => 5_000,
        "reconnect.backoff.max.ms" => 500,
        // So that there is something to commit when the connections are cut.
        "offset.flush.interval.ms" => 1_000,
        "offset.flush.timeout.ms" => 1_000,
    };
    worker_with(offsets, more, seen).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_waits_for_a_broker_that_is_away_for_a_moment() {
    let (way, seen) = (Way::new().await, Seen::default());
    create_topic("away", 2).await;
    let connect = disturbed("away-offsets", &seen).await;
    connect
        .create_connector("away-out", witness("away"))
        .await
        .unwrap();
    let config = with(
        numbers("away", 2_000),
        config_map! { "keys" => 7, "hold.at" => 1_000 },
    );
    connect.create_connector("away-in", config).await.unwrap();
    seen.has_all(0..1_000).await;
    let refused = way.kafka.proxy(0).refused();
    way.cut();
    seen.release();
    eventually("tries to connect", async || {
        (way.kafka.proxy(0).refused() > refused + 20).then_some(())
    })
    .await;
    way.heal();
    seen.has_all(0..2_000).await;
    reaches(&connect, "away-in", 2_000).await;
    for name in ["away-in", "away-out"] {
        let status = connect.status(name).await.unwrap();
        assert!(
            status.tasks.iter().all(|task| task.state == State::Running),
            "{status:?}"
        );
    }
    end(connect).await;
    assert_eq!(settled("away").await.len(), 2_000, "each record once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_created_once_the_broker_is_back() {
    let (way, seen) = (Way::new().await, Seen::default());
    let connect = disturbed("back-offsets", &seen).await;
    let config = with(
        numbers("back", 20),
        config_map! {
            "hold.at" => 0, "topic.creation.default.partitions" => 1,
            "topic.creation.default.replication.factor" => 1,
        },
    );
    connect.create_connector("back-in", config).await.unwrap();
    eventually("a running task", async || {
        let status = connect.status("back-in").await.unwrap();
        status
            .tasks
            .iter()
            .any(|task| task.state == State::Running)
            .then_some(())
    })
    .await;
    let refused = logged(&["topic=back", "the topic cannot be created for now"]);
    way.cut();
    seen.release();
    refused.await;
    way.heal();
    reaches(&connect, "back-in", 20).await;
    end(connect).await;
    assert_eq!(settled("back").await, range(0..20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_was_away_longer_than_its_session_resumes() {
    let (way, seen) = (Way::new().await, Seen::default());
    create_topic("long-away", 2).await;
    let connect = disturbed("long-away-offsets", &seen).await;
    let config = with(
        witness("long-away"),
        config_map! {
            "consumer.override.max.poll.interval.ms" => 6000,
            "consumer.override.session.timeout.ms" => 6000,
        },
    );
    connect
        .create_connector("long-away-out", config)
        .await
        .unwrap();
    write("long-away", &[("a", "0"), ("b", "1"), ("c", "2")]).await;
    seen.has_all(0..3).await;
    way.cut();
    // Others still reach the log.
    write("long-away", &[("a", "3"), ("b", "4"), ("c", "5")]).await;
    eventually("partitions that are lost", async || {
        let is_close = |event: &Event| matches!(event, Event::Close(..));
        seen.events().iter().any(is_close).then_some(())
    })
    .await;
    way.heal();
    seen.has_all(0..6).await;
    eventually("commits", async || {
        let committed: i64 = group("connect-long-away-out").await.values().sum();
        (committed == 6).then_some(())
    })
    .await;
    let status = connect.status("long-away-out").await.unwrap();
    let mut tasks = status.tasks.iter();
    assert!(tasks.all(|task| task.state == State::Running), "{status:?}");
    end(connect).await;
}

/// A program may end right after its worker. The next one does not wait for a dead member.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_ends_has_left_its_groups() {
    let (way, seen) = (Way::new().await, Seen::default());
    create_topic("left-at-end", 1).await;
    let connect = worker("left-at-end-offsets", &seen).await;
    let far = way.kafka.bootstrap_of(Listener::Proxied);
    let sink = with(
        witness("left-at-end"),
        config_map! { "consumer.override.bootstrap.servers" => far },
    );
    connect.create_connector("left-out", sink).await.unwrap();
    eventually("the assignment", async || {
        (!seen.events().is_empty()).then_some(())
    })
    .await;
    let admin = admin().await;
    // Longer than a worker takes that does not wait.
    way.kafka.proxy(0).delay(Duration::from_millis(300));
    end(connect).await;
    let offsets = [(TopicPartition::new("left-at-end", 0), Some(0))].into();
    let altered = admin.alter_group_offsets("connect-left-out", &offsets);
    altered.await.unwrap();
}
