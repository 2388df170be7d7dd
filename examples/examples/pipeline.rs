//! A host that runs a pipeline: file, topic, file.

use std::time::Duration;

use connect_api::config::FromConfig;
use connect_api::config_map;
use connect_log::LocalBroker;
use connect_runtime::Connect;
use connect_runtime::WorkerConfig;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (input, output) = (folder.path().join("in.txt"), folder.path().join("out.txt"));
    std::fs::write(&input, "one\nzwei\n三\n")?;

    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    let strings = "org.apache.kafka.connect.storage.StringConverter";
    let worker = config_map! { "key.converter" => strings, "value.converter" => strings };
    let connect = Connect::builder()
        .registry(registry)
        .broker(LocalBroker::open(folder.path().join("connect-data")).await?)
        .worker(WorkerConfig::from_config(&worker)?)
        .build()
        .await?;
    let source = config_map! {
        "connector.class" => "FileStreamSource", "topic" => "lines", "file" => input.display()
    };
    let sink = config_map! {
        "connector.class" => "FileStreamSink", "topics" => "lines", "file" => output.display()
    };
    connect.create_connector("source", source).await?;
    connect.create_connector("sink", sink).await?;
    let report = connect.until_end().await?; // a service would do its own work instead
    assert!(connect.shutdown(Duration::from_secs(10)).await.is_clean());

    assert_eq!((report.records_in, report.records_out), (3, 3));
    assert_eq!(std::fs::read(&output)?, std::fs::read(&input)?);
    println!("{} records arrived", report.records_out);
    Ok(())
}
