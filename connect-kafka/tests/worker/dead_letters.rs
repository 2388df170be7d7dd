//! Records that cannot be processed and go to a dead letter topic.

use connect_api::ConfigMap;
use connect_api::config_map;
use connect_broker::Isolation;

use crate::support::*;

fn with_dead_letters(config: ConfigMap, topic: &str) -> ConfigMap {
    with(
        config,
        config_map! {
            "transforms" => "moody", "transforms.moody.type" => "Moody",
            "errors.tolerance" => "all",
            "errors.deadletterqueue.topic.name" => topic,
            "errors.deadletterqueue.topic.replication.factor" => 1,
            "errors.deadletterqueue.context.headers.enable" => true,
        },
    )
}

/// Reads the key, value and headers of the only dead letter.
async fn letter(topic: &str) -> (String, String, Vec<(String, String)>) {
    let mut letters = read(topic, Isolation::ReadCommitted).await;
    assert_eq!(letters.len(), 1);
    let (_, letter) = letters.remove(0);
    let header = |header: &connect_api::record::RawHeader| {
        let name = header
            .key
            .strip_prefix("__connect.errors.")
            .unwrap()
            .to_owned();
        (name, text(header.value.clone()))
    };
    let headers = letter.headers.iter().map(header).collect();
    (text(letter.key), text(letter.value), headers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_a_sink_are_the_original_records() {
    let seen = Seen::default();
    seen.heal();
    create_topic("letters", 1).await;
    let connect = worker("letters-offsets", &seen).await;
    let sink = with_dead_letters(witness("letters"), "letters-dead");
    connect.create_connector("letters-out", sink).await.unwrap();
    write("letters", &[("a", "12"), ("b", "13"), ("c", "14")]).await;
    seen.has_all(14..15).await;
    end(connect).await;
    assert_eq!(seen.values(), ["12", "14"]);
    assert_eq!(
        group("connect-letters-out").await[&0],
        3,
        "the offsets pass it"
    );
    let (key, value, headers) = letter("letters-dead").await;
    assert_eq!((key.as_str(), value.as_str()), ("b", "13"));
    let start: Vec<_> = headers
        .iter()
        .take(7)
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let expected = [
        ("topic", "letters"),
        ("partition", "0"),
        ("offset", "1"),
        ("connector.name", "letters-out"),
        ("task.id", "0"),
        ("stage", "TRANSFORMATION"),
        ("class.name", "test.Moody"),
    ];
    assert_eq!(start, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_a_source_are_sent_by_a_client_of_its_own() {
    let seen = Seen::default();
    seen.heal();
    create_topic("source-letters", 1).await;
    let connect = worker("source-letters-offsets", &seen).await;
    let source = with_dead_letters(numbers("source-letters", 20), "source-letters-dead");
    connect.create_connector("in", source).await.unwrap();
    reaches(&connect, "in", 20).await;
    // The connector's options are also those of this client: this one is refused.
    let wrong = with(
        with_dead_letters(numbers("source-letters", 20), "source-letters-dead"),
        config_map! { "producer.override.interceptor.classes" => "x.Y" },
    );
    connect.create_connector("wrong", wrong).await.unwrap();
    let trace = failure(&connect, "wrong").await;
    assert!(trace.contains("interceptor.classes"), "{trace}");
    end(connect).await;
    assert_eq!(settled("source-letters").await.len(), 19);
    let (_, value, headers) = letter("source-letters-dead").await;
    assert_eq!(value, "13");
    assert!(
        headers
            .iter()
            .any(|(name, value)| name == "stage" && value == "TRANSFORMATION")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_topic_with_too_few_brokers_names_the_option() {
    let seen = Seen::default();
    create_topic("lonely-letters", 1).await;
    let connect = worker("lonely-letters-offsets", &seen).await;
    let mut sink = with_dead_letters(witness("lonely-letters"), "lonely-letters-dead");
    sink.remove("errors.deadletterqueue.topic.replication.factor");
    connect
        .create_connector("lonely-letters-out", sink)
        .await
        .unwrap();
    let trace = failure(&connect, "lonely-letters-out").await;
    let key = "`errors.deadletterqueue.topic.replication.factor` to at most 1";
    assert!(
        trace.contains(key) && trace.contains("lonely-letters-dead"),
        "{trace}"
    );
    end(connect).await;
}
