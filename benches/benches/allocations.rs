//! How many allocations does one record cost on the whole path, file -> source -> log -> sink ->
//! file, with String converters?
//!
//! Counts all allocations of the process: both tasks, the log and the store. The figure is the
//! difference of a long and a short run, so that fixed costs of a run cancel out.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::alloc::System;
use std::fs::File;
use std::path::Path;

use connect_benches::lines::Lines;
use connect_benches::worker;
use connect_benches::worker::Log;
use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::StatsAlloc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    // Only `cargo bench` passes this; a run as a test shall be short.
    // In a short run, allocations that depend on time weigh more.
    let (lines, limit) = if std::env::args().any(|argument| argument == "--bench") {
        (1_000_000, 0.2)
    } else {
        (200_000, 1.0)
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (short, long) = (folder.path().join("short"), folder.path().join("long"));
    Lines::new(1)
        .write_to(lines / 4, &mut File::create(&short).unwrap())
        .unwrap();
    Lines::new(1)
        .write_to(lines, &mut File::create(&long).unwrap())
        .unwrap();
    println!("log      allocations/record   bytes allocated/record");
    for log in Log::ALL {
        let few = runtime.block_on(run(log, &short, lines / 4));
        let many = runtime.block_on(run(log, &long, lines));
        let records = (lines - lines / 4) as f64;
        let allocations = (many.0 as f64 - few.0 as f64) / records;
        let bytes = (many.1 as f64 - few.1 as f64) / records;
        println!("{:8} {allocations:18.4}   {bytes:22.1}", log.name());
        // Batches allocate; a record must not. A batch has hundreds of records.
        assert!(
            allocations < limit,
            "one record costs no allocation of its own"
        );
    }
}

/// Allocations, and bytes allocated, of one run.
async fn run(log: Log, input: &Path, lines: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let connect = worker::start(log.open(folder.path()).await.unwrap())
        .await
        .unwrap();
    let before = ALLOCATOR.stats();
    connect
        .create_connector("source", worker::source(input))
        .await
        .unwrap();
    let sink = worker::sink(&folder.path().join("out.txt"));
    connect.create_connector("sink", sink).await.unwrap();
    let report = connect.until_end().await.unwrap();
    let spent = ALLOCATOR.stats() - before;
    assert_eq!((report.records_in, report.records_out), (lines, lines));
    worker::stop(&connect).await.unwrap();
    (
        spent.allocations + spent.reallocations,
        spent.bytes_allocated,
    )
}
