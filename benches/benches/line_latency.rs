//! How long does a line take from file to file, through the log, at a tenth of the worker's maximum
//! load? From its append to the moment when the output has it.
//!
//! A block of lines is appended every 10 ms, 100,000 lines per second, as by a program that writes
//! logs. The last line of each block is timed. The input is copied byte for byte, so the line has
//! arrived when the output is as long as the input was.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use connect_benches::worker;
use connect_benches::worker::Log;

#[tokio::main]
async fn main() {
    // Only `cargo bench` passes this; a run as a test shall be short.
    let blocks = if std::env::args().any(|argument| argument == "--bench") {
        2000
    } else {
        20
    };
    for log in Log::ALL {
        let mut times = measure(log, blocks).await;
        times.sort_unstable();
        let at =
            |per_mille: usize| times.get((times.len() * per_mille / 1000).min(times.len() - 1));
        println!(
            "file to file at {} lines/s, {}: p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}",
            LINES_PER_BLOCK * 100,
            log.name(),
            at(500).unwrap(),
            at(990).unwrap(),
            at(999).unwrap(),
        );
    }
}

async fn measure(log: Log, blocks: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.txt"), folder.path().join("out.txt"));
    let mut file = File::create(&input).unwrap();
    let line = format!("{}\n", "x".repeat(99));
    let block = line.repeat(LINES_PER_BLOCK);
    let connect = worker::start(log.open(folder.path()).await.unwrap())
        .await
        .unwrap();
    connect
        .create_connector("source", worker::source(&input))
        .await
        .unwrap();
    connect
        .create_connector("sink", worker::sink(&output))
        .await
        .unwrap();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut times = Vec::with_capacity(blocks);
    let mut length = 0;
    for number in 0..blocks + WARM_UP {
        ticks.tick().await;
        let start = Instant::now();
        file.write_all(block.as_bytes()).unwrap();
        length += block.len() as u64;
        reached(&output, length).await;
        if number >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    worker::stop(&connect).await.unwrap();
    times
}

/// Waits until a file has a length.
async fn reached(path: &Path, length: u64) {
    while std::fs::metadata(path).map_or(0, |metadata| metadata.len()) < length {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

/// A hundred blocks come per second.
const LINES_PER_BLOCK: usize = 1000;

/// Blocks before the first that counts.
const WARM_UP: usize = 20;
