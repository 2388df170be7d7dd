//! What does a transform cost per record, through the same dynamic calls as in a worker? The chain
//! of Kafka's quick start: HoistField, then InsertField.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::hint::black_box;

use connect_api::Transform;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::record::Origin;
use connect_api::record::Record;
use connect_api::record::SourceOffset;
use connect_api::record::SourcePartition;
use connect_benches::records::BATCH;
use connect_benches::records::Chunk;
use criterion::BatchSize;
use criterion::Criterion;
use criterion::Throughput;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("transform_chain");
    group.throughput(Throughput::Elements(BATCH as u64));
    let registry = connect_runtime::plugins();
    let mut hoist = registry.new_transform("HoistField$Value").unwrap();
    hoist.configure(&config_map! { "field" => "line" }).unwrap();
    let mut insert = registry.new_transform("InsertField$Value").unwrap();
    let options = config_map! { "static.field" => "data_source", "static.value" => "test" };
    insert.configure(&options).unwrap();
    let chunk = Chunk::new();
    let with_schema: Vec<Record> = chunk.records().collect();
    let without: Vec<Record> = chunk
        .records()
        .map(|mut record| {
            record.value = Datum::schemaless(record.value.value);
            record
        })
        .collect();
    for (name, records) in [
        ("with schemas", &with_schema),
        ("without schemas", &without),
    ] {
        group.bench_function(format!("hoist, {name}"), |bench| {
            bench.iter_batched(
                || records.clone(),
                |records| run(&mut [&mut *hoist], records),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("hoist and insert, {name}"), |bench| {
            bench.iter_batched(
                || records.clone(),
                |records| run(&mut [&mut *hoist, &mut *insert], records),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    criterion.final_summary();
}

fn run(chain: &mut [&mut dyn Transform], records: Vec<Record>) {
    let (partition, offset) = (SourcePartition::null(), SourceOffset::default());
    let origin = Origin::Source {
        partition: &partition,
        offset: &offset,
    };
    for mut record in records {
        for transform in chain.iter_mut() {
            record = transform.apply(record, origin).unwrap().unwrap();
        }
        black_box(record);
    }
}
