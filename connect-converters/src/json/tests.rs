//! What is written is read back.

use proptest::prelude::*;

use connect_api::config_map;
use connect_api::data::Decimal;
use connect_api::data::Logical;
use connect_api::data::SchemaBuilder;
use connect_api::data::Struct;
use connect_api::data::ValueMap;

use super::*;

fn json(config: &ConfigMap) -> JsonConverter {
    let mut json = JsonConverter::default();
    json.configure_as(config, DatumRole::Value).unwrap();
    json
}

/// Values of a schema of any type.
fn datum() -> impl Strategy<Value = Datum> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| Datum::new(SchemaRef::BOOLEAN, value)),
        any::<i8>().prop_map(|value| Datum::new(SchemaRef::INT8, value)),
        any::<i16>().prop_map(|value| Datum::new(SchemaRef::INT16, value)),
        any::<i32>().prop_map(|value| Datum::new(SchemaRef::INT32, value)),
        any::<i64>().prop_map(|value| Datum::new(SchemaRef::INT64, value)),
        // Minus zero is read as zero, as in Java.
        any::<f32>().prop_map(|value| Datum::new(SchemaRef::FLOAT32, value + 0.0)),
        any::<f64>().prop_map(|value| Datum::new(SchemaRef::FLOAT64, value + 0.0)),
        any::<String>().prop_map(Datum::string),
        any::<Vec<u8>>().prop_map(Datum::bytes),
        (any::<i64>(), -5..30).prop_map(|(unscaled, scale)| {
            Datum::new(
                Logical::decimal(scale).build().unwrap(),
                Decimal::new(unscaled, scale),
            )
        }),
        any::<i32>()
            .prop_map(|days| { Datum::new(Logical::date().build().unwrap(), Value::Date(days)) }),
        any::<i64>().prop_map(|millis| {
            Datum::new(
                Logical::timestamp().build().unwrap(),
                Value::Timestamp(millis),
            )
        }),
        Just(Datum::new(SchemaRef::OPTIONAL_STRING, Value::Null)),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let field = ("[a-z\"é]{1,3}", inner.clone());
        prop_oneof![
            (inner.clone(), 0usize..4).prop_map(|(element, length)| {
                let schema = SchemaBuilder::array(element.schema.unwrap())
                    .build()
                    .unwrap();
                Datum::new(schema, vec![element.value; length])
            }),
            (any::<String>(), inner.clone()).prop_map(|(key, value)| {
                let values = value.schema.clone().unwrap();
                let schema = SchemaBuilder::map(SchemaRef::STRING, values)
                    .build()
                    .unwrap();
                let map: ValueMap = [(key, value.value)].into_iter().collect();
                Datum::new(schema, map)
            }),
            (any::<i32>(), inner).prop_map(|(key, value)| {
                let values = value.schema.clone().unwrap();
                let schema = SchemaBuilder::map(SchemaRef::INT32, values)
                    .build()
                    .unwrap();
                let map: ValueMap = [(key, value.value)].into_iter().collect();
                Datum::new(schema, map)
            }),
            proptest::collection::btree_map(field.0, field.1, 0..4).prop_map(|fields| {
                let mut builder = SchemaBuilder::structure().name("s");
                for (name, datum) in &fields {
                    builder = builder.field(name.as_str(), datum.schema.clone().unwrap());
                }
                let schema = builder.build().unwrap();
                let values = fields.into_values().map(|datum| datum.value).collect();
                Datum::new(schema.clone(), Struct::from_values(schema, values).unwrap())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_with_a_schema_is_read_back(datum in datum()) {
        let mut json = json(&ConfigMap::new());
        let bytes = json.encode_datum(&datum).unwrap().unwrap();
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        prop_assert_eq!(json.decode_bytes(Some(bytes)).unwrap(), datum);
    }

    #[test]
    fn a_fixed_schema_reads_bare_payloads(datum in datum()) {
        let enveloped = json(&ConfigMap::new());
        let mut schema = Vec::new();
        let plan = Plan::new(datum.schema.as_ref().unwrap());
        enveloped.style.push_schema(&mut schema, Some(&plan)).unwrap();
        let content = String::from_utf8(schema).unwrap();
        let bare = json(&config_map! { "schemas.enable" => false }).encode_datum(&datum).unwrap();
        let mut fixed = json(&config_map! { "schema.content" => content });
        prop_assert_eq!(fixed.decode_bytes(bare).unwrap(), datum);
    }
}

#[test]
fn payloads_may_come_before_their_schema() {
    let text = r#"{"payload":1,"schema":{"type":"int8"}}"#;
    let read = json(&ConfigMap::new()).decode_bytes(Some(Bytes::from_static(text.as_bytes())));
    assert_eq!(read.unwrap(), Datum::new(SchemaRef::INT8, 1i8));
}

#[test]
fn schemas_of_the_same_content_are_written_from_memory() {
    let mut json = json(&ConfigMap::new());
    let schema = || SchemaBuilder::string().name("n").build().unwrap();
    let first = json.encode_datum(&Datum::new(schema(), "a")).unwrap();
    assert_eq!(
        json.encode_datum(&Datum::new(schema(), "a")).unwrap(),
        first
    );
    assert_eq!(json.written.len(), 1);
}

#[test]
fn no_more_schemas_are_kept_than_configured() {
    let mut json = json(&config_map! { "schemas.cache.size" => 2 });
    for n in 0..5 {
        let schema = SchemaBuilder::string().name(n.to_string()).build().unwrap();
        let bytes = json.encode_datum(&Datum::new(schema, "a")).unwrap();
        json.decode_bytes(bytes).unwrap();
    }
    assert_eq!(json.written.len(), 2);
}

#[test]
fn messages_larger_than_a_block_are_written() {
    let mut json = json(&config_map! { "schemas.enable" => false });
    let long = "x".repeat(3 * JsonConverter::BLOCK);
    let bytes = json
        .encode_datum(&Datum::schemaless(long.as_str()))
        .unwrap()
        .unwrap();
    assert_eq!(bytes.len(), long.len() + 2);
    let next = json
        .encode_datum(&Datum::schemaless(1i64))
        .unwrap()
        .unwrap();
    assert_eq!((&next[..], bytes.len()), (&b"1"[..], long.len() + 2));
}
