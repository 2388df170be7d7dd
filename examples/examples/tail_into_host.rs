//! A file tailed into a host's own code, without any log. Offsets are committed once the host has
//! acknowledged a batch.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

use connect_api::config_map;
use connect_runtime::SourceStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (log, offsets) = (
        folder.path().join("access.log"),
        folder.path().join("offsets"),
    );
    std::fs::write(&log, "200 /\n404 /nothing\n200 /feed\n")?;

    let mut registry = connect_runtime::plugins();
    registry.install(connect_file::plugins);
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    for run in 1..=2 {
        let mut lines = SourceStream::builder(&registry)
            .config(config_map! {
                "connector.class" => "FileStreamSource", "topic" => "any", "file" => log.display()
            })
            .offsets_file(&offsets)
            .start()
            .await?;
        // After the first run the file grows; the second run reads only the new lines.
        let expected = 3 * run;
        while count.values().sum::<u32>() < expected {
            let Some(batch) = lines.next().await else {
                break;
            };
            let batch = batch?;
            for record in batch.records() {
                let status = record
                    .value
                    .value
                    .as_str()
                    .and_then(|line| line.split(' ').next());
                *count
                    .entry(status.unwrap_or_default().to_owned())
                    .or_default() += 1;
            }
            batch.acknowledge();
        }
        lines.stop().await?;
        if run == 1 {
            let mut file = OpenOptions::new().append(true).open(&log)?;
            file.write_all(b"500 /login\n200 /\n200 /\n")?;
        }
    }
    let expected = [("200", 4), ("404", 1), ("500", 1)];
    assert_eq!(
        count,
        expected.map(|(status, n)| (status.to_owned(), n)).into()
    );
    println!("{count:?}");
    Ok(())
}
