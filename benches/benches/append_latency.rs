//! How long after a line is appended to a file can it be read from the topic? Single lines, one
//! after the other, on an otherwise idle worker. The target is a 99th percentile of 50 ms.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::fs::File;
use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use connect_api::TopicName;
use connect_benches::worker;
use connect_benches::worker::Log;
use connect_broker::Broker;
use connect_broker::Consumer;
use connect_broker::ConsumerEvent;
use connect_broker::ConsumerOptions;
use connect_broker::Subscription;

#[tokio::main]
async fn main() {
    // Only `cargo bench` passes this; a run as a test shall be short.
    let count = if std::env::args().any(|argument| argument == "--bench") {
        2000
    } else {
        10
    };
    for log in Log::ALL {
        let mut times = measure(log, count).await;
        times.sort_unstable();
        let at =
            |per_mille: usize| times.get((times.len() * per_mille / 1000).min(times.len() - 1));
        println!(
            "append to topic, {}: {count} lines, p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, max {:.2?}",
            log.name(),
            at(500).unwrap(),
            at(990).unwrap(),
            at(999).unwrap(),
            times.last().unwrap()
        );
    }
}

async fn measure(log: Log, count: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.txt");
    let mut file = File::create(&path).unwrap();
    writeln!(
        file,
        "the first line, which waits for the connector to start"
    )
    .unwrap();
    let broker = log.open(folder.path()).await.unwrap();
    let connect = worker::start(broker.clone()).await.unwrap();
    connect
        .create_connector("source", worker::source(&path))
        .await
        .unwrap();
    let topics = Subscription::Topics(vec![TopicName::new("lines")]);
    let mut options = ConsumerOptions::new(topics);
    options.group = Some("bench".to_owned());
    let mut consumer = broker.consumer(options).await.unwrap();
    next(&mut *consumer).await;
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        // Not in step with anything periodic.
        let pause = Duration::from_micros(2_000 + (number as u64 * 7919) % 3_000);
        tokio::time::sleep(pause).await;
        let start = Instant::now();
        writeln!(file, "line {number}").unwrap();
        next(&mut *consumer).await;
        times.push(start.elapsed());
    }
    worker::stop(&connect).await.unwrap();
    times
}

/// Waits for one record.
async fn next(consumer: &mut dyn Consumer) {
    loop {
        match consumer.poll(Duration::from_secs(30)).await.unwrap() {
            ConsumerEvent::Records(_) => return,
            ConsumerEvent::Idle => panic!("the line did not arrive"),
            _ => consumer.rebalanced().await.unwrap(),
        }
    }
}
