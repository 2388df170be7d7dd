//! What is written is read back, and nothing else is read.

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
        // As in Java, minus zero is read as zero.
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

fn refused(config: &ConfigMap, message: impl Into<Bytes>) -> String {
    let decoded = json(config).decode_bytes(Some(message.into()));
    decoded.unwrap_err().report()
}

#[test]
fn text_after_the_value_is_refused() {
    let bare = config_map! { "schemas.enable" => false };
    let fixed = config_map! { "schema.content" => r#"{"type":"int32"}"# };
    for (config, message) in [
        (&bare, r#"{"id":1}{"id":2}"#),
        (&bare, r#"{"id":3} {"id":4}"#),
        (&bare, r#"{"id":5}]"#),
        (&fixed, "1 2"),
        (
            &ConfigMap::new(),
            r#"{"schema":{"type":"int32"},"payload":1}{}"#,
        ),
    ] {
        let error = refused(config, message);
        assert!(
            error.contains("error: text after the JSON value at byte"),
            "{error}"
        );
    }
    let message = Some(Bytes::from_static(b" {\"id\":6} \r\n\t"));
    assert!(json(&bare).decode_bytes(message).is_ok());
    let content = config_map! { "schema.content" => r#"{"type":"int32"}}"# };
    let configured = JsonConverter::default().configure_as(&content, DatumRole::Value);
    assert!(
        configured
            .unwrap_err()
            .message()
            .ends_with("at byte 16 of the option schema.content")
    );
}

#[test]
fn numbers_that_overflow_are_refused() {
    let bare = config_map! { "schemas.enable" => false };
    assert_eq!(refused(&bare, "1e999"), "1e999 does not fit into FLOAT64");
    for (ty, number) in [("float", "1e39"), ("double", "-1e999")] {
        let message = format!(r#"{{"schema":{{"type":"{ty}"}},"payload":{number}}}"#);
        assert!(
            refused(&ConfigMap::new(), message).starts_with(number),
            "{ty}"
        );
    }
}

#[test]
fn an_error_names_the_field() {
    let message = r#"{"schema":{"type":"struct","fields":[{"field":"a","type":"struct","fields":[
        {"field":"b","type":"int8"}]}]},"payload":{"a":{"b":300}}}"#;
    assert_eq!(
        refused(&ConfigMap::new(), message),
        "300 does not fit into INT8 (field a.b)"
    );
}

#[test]
fn utf16_and_utf32_are_read() {
    let bare = config_map! { "schemas.enable" => false };
    let message: Vec<u8> = "{\"a\":\"é🙂\"}"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let datum = json(&bare).decode_bytes(Some(message.into())).unwrap();
    let map: ValueMap = [("a", "é🙂")].into_iter().collect();
    assert_eq!(datum, Datum::schemaless(map));
}

#[test]
fn a_struct_cannot_be_a_default() {
    let message = r#"{"schema":{"type":"struct","optional":true,"default":{"a":5},"fields":[
        {"field":"a","type":"int32"}]},"payload":null}"#;
    let error = refused(&ConfigMap::new(), message);
    assert!(
        error.starts_with("Invalid default value: Struct"),
        "{error}"
    );

    let schema = SchemaBuilder::structure().field("a", SchemaRef::INT32);
    let schema = schema.optional();
    let default = Struct::new(schema.clone().build().unwrap()).unwrap();
    let schema = schema.default(default.with("a", 5).unwrap());
    let datum = Datum::new(schema.build().unwrap(), Value::Null);
    assert!(json(&ConfigMap::new()).encode_datum(&datum).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_as_a_whole_or_refused(
        text in r#"(\[|\]|\{|\}|,|:|"a"|"é"|1|-2|\.5|e3|true|null| |\PC){0,9}"#
    ) {
        let bare = config_map! { "schemas.enable" => false };
        let read = json(&bare).decode_bytes(Some(Bytes::from(text.clone())));
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(expected) => prop_assert_eq!(plain(&read.unwrap().value), expected),
            Err(_) => prop_assert!(read.is_err() || text.trim().is_empty()),
        }
    }

    #[test]
    fn integers_are_exact_or_refused(text in "-?[1-9][0-9]{0,20}(\\.0|\\.5|e[0-9])?") {
        let exact = Decimal::parse(&text).unwrap().to_i64_exact();
        let content = config_map! { "schema.content" => r#"{"type":"int16"}"# };
        let read = json(&content).decode_bytes(Some(Bytes::from(text)));
        let read = read.ok().map(|datum| datum.value);
        let expected = exact.and_then(|exact| i16::try_from(exact).ok());
        prop_assert_eq!(read, expected.map(Value::Int16));
    }
}

/// The value as `serde_json` reads it.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Boolean(value) => (*value).into(),
        Value::Float64(value) => (*value).into(),
        Value::Int64(value) => (*value).into(),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), plain(value)))
            .collect(),
        Value::Null => serde_json::Value::Null,
        Value::String(text) => text.as_str().into(),
        other => panic!("{other:?}"),
    }
}
