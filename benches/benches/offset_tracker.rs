//! What does it cost per record to track which source offsets may be committed? The budget for
//! submitting and acknowledging a record is 20 ns.

use std::hint::black_box;

use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_benches::records::BATCH;
use connect_core::source::OffsetTracker;
use criterion::Criterion;
use criterion::Throughput;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("offset_tracker");
    group.throughput(Throughput::Elements(BATCH as u64));
    let file = [SourcePartition::new([("filename", "a")])];
    let files: Vec<_> = (0..8)
        .map(|n| SourcePartition::new([("filename", n)]))
        .collect();
    group.bench_function("one partition, in order", |bench| {
        let mut tracker = OffsetTracker::new();
        bench.iter(|| {
            let tokens = submit(&mut tracker, &file);
            tracker.acknowledge(tokens);
            black_box(tracker.take_committable());
        });
    });
    group.bench_function("one partition, acknowledged backwards by 100", |bench| {
        let mut tracker = OffsetTracker::new();
        bench.iter(|| {
            let tokens = submit(&mut tracker, &file);
            let mut end = tokens.end;
            while end > tokens.start {
                tracker.acknowledge(end - 100..end);
                end -= 100;
            }
            black_box(tracker.take_committable());
        });
    });
    group.bench_function("8 partitions in turn, in order", |bench| {
        let mut tracker = OffsetTracker::new();
        bench.iter(|| {
            let tokens = submit(&mut tracker, &files);
            tracker.acknowledge(tokens);
            black_box(tracker.take_committable());
        });
    });
    group.finish();
    criterion.final_summary();
}

/// Submits one batch and returns its tokens.
fn submit(tracker: &mut OffsetTracker, partitions: &[SourcePartition]) -> std::ops::Range<u64> {
    let mut tokens = 0..0;
    for (position, partition) in (0i64..).zip(partitions.iter().cycle()).take(BATCH) {
        let token = tracker.submit(partition, SourceOffset::new("position", position), false);
        tokens = if position == 0 {
            token..token + 1
        } else {
            tokens.start..token + 1
        };
    }
    tracker.seal();
    tokens
}
