//! Each converter keeps the contract of converters.

#![expect(
    clippy::unwrap_used,
    reason = "what is built here is known to be legal"
)]

use connect_api::Converter;
use connect_api::DatumRole;
use connect_api::PluginRegistry;
use connect_api::config::ConfigMap;
use connect_api::config_map;
use connect_api::data::Datum;
use connect_api::data::Decimal;
use connect_api::data::Logical;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Value;
use connect_api::data::ValueMap;
use connect_testkit::converter::Sample;
use connect_testkit::converter::conforms;

fn converter(class: &str, config: &ConfigMap) -> Box<dyn Converter> {
    let mut registry = PluginRegistry::new();
    registry.install(connect_converters::plugins);
    let mut converter = registry.new_converter(class).unwrap();
    converter.configure(config, DatumRole::Value).unwrap();
    converter
}

fn typed() -> Vec<Datum> {
    let address = SchemaBuilder::structure()
        .name("com.example.Address")
        .field("street", SchemaRef::STRING)
        .build()
        .unwrap();
    let tags = SchemaBuilder::array(SchemaRef::OPTIONAL_STRING)
        .build()
        .unwrap();
    let counts = SchemaBuilder::map(SchemaRef::INT32, SchemaRef::FLOAT64)
        .build()
        .unwrap();
    let person = SchemaBuilder::structure()
        .field("name", SchemaRef::STRING)
        .field("photo", SchemaRef::OPTIONAL_BYTES)
        .field("address", address.clone())
        .field("tags", tags)
        .field("counts", counts)
        .field("price", Logical::decimal(2).build().unwrap())
        .build()
        .unwrap();
    let home = Struct::new(address)
        .unwrap()
        .with("street", "Main \"1\"\n")
        .unwrap();
    let counted: ValueMap = [(1, 1.5), (2, f64::INFINITY)].into_iter().collect();
    let ada = Struct::new(person.clone())
        .and_then(|ada| ada.with("name", "Ada 🙂"))
        .and_then(|ada| ada.with("address", home))
        .and_then(|ada| ada.with("tags", vec!["a".into(), Value::Null]))
        .and_then(|ada| ada.with("counts", counted))
        .and_then(|ada| ada.with("price", Decimal::new(-1234, 2)))
        .unwrap();
    vec![
        Datum::new(person, ada),
        Datum::string("x"),
        Datum::bytes(vec![0, 255]),
        Datum::new(SchemaRef::INT8, -128i8),
        Datum::new(SchemaRef::INT64, i64::MIN),
        Datum::new(SchemaRef::FLOAT32, f32::NAN),
        Datum::new(SchemaRef::FLOAT64, 0.1),
        Datum::new(SchemaRef::OPTIONAL_BOOLEAN, Value::Null),
        Datum::new(Logical::date().build().unwrap(), Value::Date(-1)),
        Datum::new(Logical::time().build().unwrap(), Value::Time(1)),
        Datum::new(
            Logical::timestamp().build().unwrap(),
            Value::Timestamp(i64::MAX),
        ),
    ]
}

fn schemaless() -> Vec<Datum> {
    let map: ValueMap = [
        ("a", Value::Int64(1)),
        ("b", Value::Array(vec![Value::Null])),
    ]
    .into_iter()
    .collect();
    vec![
        Datum::schemaless(map),
        Datum::schemaless(1.5),
        Datum::schemaless(true),
        Datum::schemaless("text"),
    ]
}

#[test]
fn json_with_schemas_conforms() {
    let mut json = converter("JsonConverter", &ConfigMap::new());
    let samples: Vec<Sample> = typed()
        .into_iter()
        .chain(schemaless())
        .map(Sample::from)
        .collect();
    conforms(
        &mut *json,
        &samples,
        &[b"", b"1", b"{}", b"\xff", br#"{"schema":null}"#, b"[["],
    );
}

#[test]
fn json_without_schemas_conforms() {
    let config = config_map! { "schemas.enable" => false };
    let mut json = converter("JsonConverter", &config);
    let samples: Vec<Sample> = schemaless().into_iter().map(Sample::from).collect();
    conforms(
        &mut *json,
        &samples,
        &[b"nul", b"\xff", b"[1", b"12345678901234567890"],
    );
}

#[test]
fn strings_conform() {
    let mut string = converter("StringConverter", &ConfigMap::new());
    let read = |text: &str| Datum::new(SchemaRef::OPTIONAL_STRING, text);
    let samples = [
        Sample::new(Datum::string("héllo"), read("héllo")),
        Sample::new(Datum::string(""), read("")),
        Sample::new(Datum::schemaless(1.0e7), read("1.0E7")),
    ];
    conforms(&mut *string, &samples, &[]);
}

#[test]
fn bytes_conform() {
    let mut bytes = converter("ByteArrayConverter", &ConfigMap::new());
    let read = |bytes: &[u8]| Datum::new(SchemaRef::OPTIONAL_BYTES, bytes.to_vec());
    let samples = [
        Sample::new(Datum::bytes(vec![0, 255]), read(&[0, 255])),
        Sample::new(Datum::bytes(Vec::new()), read(&[])),
    ];
    conforms(&mut *bytes, &samples, &[]);
}

#[test]
fn booleans_conform() {
    let mut boolean = converter("BooleanConverter", &ConfigMap::new());
    let samples = [true, false].map(|value| {
        let read = Datum::new(SchemaRef::OPTIONAL_BOOLEAN, value);
        Sample::new(Datum::schemaless(value), read)
    });
    conforms(&mut *boolean, &samples, &[b"", b"\x02", b"\x00\x01"]);
}

#[test]
fn numbers_conform() {
    let numbers = |class: &str, schema: SchemaRef, values: &[Value], malformed| {
        let mut number = converter(class, &ConfigMap::new());
        let samples: Vec<_> = values
            .iter()
            .map(|value| Sample::from(Datum::new(schema.clone(), value.clone())))
            .collect();
        conforms(&mut *number, &samples, malformed);
    };
    numbers(
        "ShortConverter",
        SchemaRef::OPTIONAL_INT16,
        &[Value::Int16(i16::MIN), Value::Int16(1)],
        &[b"", b"1", b"123"],
    );
    numbers(
        "IntegerConverter",
        SchemaRef::OPTIONAL_INT32,
        &[Value::Int32(i32::MIN), Value::Int32(1)],
        &[b"", b"123", b"12345"],
    );
    numbers(
        "LongConverter",
        SchemaRef::OPTIONAL_INT64,
        &[Value::Int64(i64::MIN), Value::Int64(1)],
        &[b"", b"1234", b"123456789"],
    );
    numbers(
        "FloatConverter",
        SchemaRef::OPTIONAL_FLOAT32,
        &[Value::Float32(f32::NAN), Value::Float32(-0.0)],
        &[b"", b"123", b"12345"],
    );
    numbers(
        "DoubleConverter",
        SchemaRef::OPTIONAL_FLOAT64,
        &[Value::Float64(f64::NEG_INFINITY), Value::Float64(5e-324)],
        &[b"", b"1234", b"123456789"],
    );
}
