//! What do converters cost per record, in both directions? The string converter should cost almost
//! nothing: it passes the bytes on.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start ends")]

use std::hint::black_box;

use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::TopicName;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::record::RawHeaders;
use connect_benches::records::BATCH;
use connect_benches::records::Chunk;
use connect_benches::records::order;
use connect_benches::records::order_schema;
use criterion::BenchmarkGroup;
use criterion::Criterion;
use criterion::Throughput;
use criterion::measurement::WallTime;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("converters");
    group.throughput(Throughput::Elements(BATCH as u64));
    let chunk = Chunk::new();
    let lines: Vec<Datum> = chunk.records().map(|record| record.value).collect();
    let schema = order_schema();
    let orders: Vec<Datum> = (0..)
        .zip(chunk.lines())
        .map(|(id, line)| order(&schema, id, line))
        .collect();
    both_ways(
        &mut group,
        "string, line",
        &mut *converter("String", false),
        &lines,
    );
    both_ways(
        &mut group,
        "bytes, line",
        &mut *converter("ByteArray", false),
        &raw(&lines),
    );
    both_ways(
        &mut group,
        "json, line",
        &mut *converter("Json", false),
        &lines,
    );
    both_ways(
        &mut group,
        "json, struct",
        &mut *converter("Json", false),
        &orders,
    );
    both_ways(
        &mut group,
        "json with schemas, struct",
        &mut *converter("Json", true),
        &orders,
    );
    group.finish();
    criterion.final_summary();
}

fn converter(name: &str, schemas: bool) -> Box<dyn Converter> {
    let mut converter = connect_runtime::plugins().new_converter(name).unwrap();
    converter
        .configure(
            &config_map! { "schemas.enable" => schemas },
            DatumRole::Value,
        )
        .unwrap();
    converter
}

fn raw(lines: &[Datum]) -> Vec<Datum> {
    let bytes = |line: &Datum| line.value.as_str().unwrap().to_owned().into_bytes();
    lines.iter().map(|line| Datum::bytes(bytes(line))).collect()
}

fn both_ways(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    converter: &mut dyn Converter,
    data: &[Datum],
) {
    let topic = TopicName::new("lines");
    let mut headers = RawHeaders::new();
    group.bench_function(format!("{name}, encode"), |bench| {
        bench.iter(|| {
            for datum in data {
                black_box(converter.encode(&topic, &mut headers, datum).unwrap());
            }
        });
    });
    let stored: Vec<_> = data
        .iter()
        .map(|datum| converter.encode(&topic, &mut headers, datum).unwrap())
        .collect();
    group.bench_function(format!("{name}, decode"), |bench| {
        bench.iter(|| {
            for bytes in &stored {
                black_box(converter.decode(&topic, &headers, bytes.clone()).unwrap());
            }
        });
    });
}
