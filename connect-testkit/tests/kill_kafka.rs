//! A pipeline on a real Kafka is killed at random, while the broker restarts and connections break:
//! nothing is lost or out of order, and only lines in flight at a kill are duplicated.
//!
//! `connect-kill --kafka` runs the same with more lines and kills; `docs/kill-tests.md` has its
//! results.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot start fails")]

use std::path::PathBuf;

use connect_testkit::kafka::KafkaCluster;
use connect_testkit::kill::Outages;
use connect_testkit::kill::Outcome;
use connect_testkit::kill::Pipeline;
use connect_testkit::kill::Plan;
use connect_testkit::kill::Step;

fn run(cluster: &KafkaCluster, exactly_once: bool, kills: u64, outages: Outages) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let mut pipeline = Pipeline::new(folder.path().to_owned(), exactly_once);
    pipeline.batch = 500;
    pipeline.name = format!("exactly-once-{exactly_once}-{kills}");
    let mut plan = Plan::new(
        PathBuf::from(env!("CARGO_BIN_EXE_connect-kill")),
        pipeline,
        Step::Random,
    );
    (plan.lines, plan.kills, plan.seed) = (100_000, kills, 4711);
    let outcome = plan.run_on_kafka(cluster, outages).unwrap();
    println!("{}\n{outcome}", Outcome::HEAD_ON_KAFKA);
    println!("{:.1} s", outcome.time.as_secs_f64());
    assert_eq!(outcome.kills, kills);
    assert_eq!(outcome.outages, Some(outages));
    assert_eq!((outcome.lost, outcome.out_of_order), (0, 0), "{outcome}");
    outcome
}

/// One after the other: each disturbs the broker for all.
#[test]
fn a_pipeline_on_kafka_survives_kills_and_outages() {
    // A killed broker can register again only after its old session.
    let cluster = KafkaCluster::builder()
        .proxied()
        .with("broker.session.timeout.ms", "1500")
        .start();

    // Only lines in flight at a kill come twice.
    let outcome = run(&cluster, false, 2, Outages::new(1, 1));
    assert!(outcome.duplicates <= outcome.bound, "{outcome}");

    // With exactly-once, nothing comes twice.
    let outcome = run(&cluster, true, 2, Outages::new(1, 1));
    let duplicates = (outcome.duplicates_in_topic, outcome.duplicates);
    assert_eq!(duplicates, (0, 0), "{outcome}");

    // Outages alone duplicate nothing.
    let outcome = run(&cluster, false, 0, Outages::new(0, 3));
    let duplicates = (
        outcome.duplicates_in_topic,
        outcome.duplicates,
        outcome.bound,
    );
    assert_eq!(duplicates, (0, 0, 0), "{outcome}");
}
