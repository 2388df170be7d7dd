//! What does it cost to make a record of a line, to copy it and to drop it? This is the lower bound
//! of the cost of any record.

use std::hint::black_box;

use connect_benches::records::BATCH;
use connect_benches::records::Chunk;
use connect_benches::records::order;
use connect_benches::records::order_schema;
use criterion::Criterion;
use criterion::Throughput;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("value_records");
    group.throughput(Throughput::Elements(BATCH as u64));
    let chunk = Chunk::new();
    group.bench_function("line to source record, dropped", |bench| {
        bench.iter(|| {
            chunk
                .source_records()
                .for_each(|record| drop(black_box(record)))
        });
    });
    group.bench_function("line to source record, batch kept, dropped", |bench| {
        bench.iter(|| black_box(chunk.source_records().collect::<Vec<_>>()));
    });
    let records: Vec<_> = chunk.source_records().collect();
    group.bench_function("clone and drop a source record", |bench| {
        bench.iter(|| {
            records
                .iter()
                .for_each(|record| drop(black_box(record.clone())))
        });
    });
    let schema = order_schema();
    group.bench_function("struct of 3 fields, made and dropped", |bench| {
        bench.iter(|| {
            for (id, line) in (0..).zip(chunk.lines()) {
                black_box(order(&schema, id, line));
            }
        });
    });
    group.finish();
    criterion.final_summary();
}
