//! How many lines per second travel the whole path, file -> source -> log -> sink -> file, from the
//! creation of the connectors to the last commit? And how many with the two transforms of Kafka's
//! quick start and JSON?
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::fs::File;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use connect_api::ConfigMap;
use connect_api::config_map;
use connect_benches::lines::Lines;
use connect_benches::worker;
use connect_benches::worker::Log;
use criterion::Criterion;
use criterion::Throughput;
use tokio::runtime::Runtime;

fn main() {
    // Only `cargo bench` passes this; a run as a test shall be short.
    let lines = if std::env::args().any(|argument| argument == "--bench") {
        1_000_000
    } else {
        1000
    };
    let runtime = Runtime::new().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("file_to_file");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(lines));
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    Lines::new(1)
        .write_to(lines, &mut File::create(&input).unwrap())
        .unwrap();
    for (name, source_options, both_options) in workloads() {
        for log in Log::ALL {
            group.bench_function(format!("{name}, {}", log.name()), |bench| {
                bench.iter_custom(|times| {
                    let run = || run(log, &input, lines, &source_options, &both_options);
                    (0..times).map(|_| runtime.block_on(run())).sum()
                });
            });
        }
    }
    group.finish();
    criterion.final_summary();
}

/// Name, options of the source, options of both connectors.
fn workloads() -> [(&'static str, ConfigMap, ConfigMap); 2] {
    let transforms = config_map! {
        "transforms" => "hoist,insert",
        "transforms.hoist.type" => "org.apache.kafka.connect.transforms.HoistField$Value",
        "transforms.hoist.field" => "line",
        "transforms.insert.type" => "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.insert.static.field" => "data_source",
        "transforms.insert.static.value" => "test",
    };
    let json = config_map! {
        "value.converter" => "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable" => false,
    };
    [
        ("strings", ConfigMap::new(), ConfigMap::new()),
        ("two transforms, json", transforms, json),
    ]
}

async fn run(
    log: Log,
    input: &Path,
    lines: u64,
    source_options: &ConfigMap,
    both_options: &ConfigMap,
) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let connect = worker::start(log.open(folder.path()).await.unwrap())
        .await
        .unwrap();
    let mut source = worker::source(input);
    source.extend(source_options.clone());
    source.extend(both_options.clone());
    let mut sink = worker::sink(&folder.path().join("out.txt"));
    sink.extend(both_options.clone());
    let start = Instant::now();
    connect.create_connector("source", source).await.unwrap();
    connect.create_connector("sink", sink).await.unwrap();
    let report = connect.until_end().await.unwrap();
    let time = start.elapsed();
    assert_eq!((report.records_in, report.records_out), (lines, lines));
    worker::stop(&connect).await.unwrap();
    time
}
