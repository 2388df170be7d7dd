//! A schema, prepared for reading and writing its values.

use connect_api::data::Logical;
use connect_api::data::SchemaRef;
use connect_api::data::SchemaType;
use connect_api::data::Text;
use connect_api::data::logical::decimal_scale;

use super::write::push_string;

/// A schema, prepared: its logical type is an enum variant instead of a name, and the names of its
/// fields are already JSON.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) schema: SchemaRef,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Array(Option<Box<Plan>>),
    Boolean,
    Bytes,
    Date,
    Decimal {
        scale: Option<i32>,
    },
    Float32,
    Float64,
    Int16,
    Int32,
    Int64,
    Int8,
    /// An object if the keys are text, else an array of pairs.
    Map {
        key: Option<Box<Plan>>,
        value: Option<Box<Plan>>,
        is_object: bool,
    },
    String,
    Struct(Box<[FieldPlan]>),
    Time,
    Timestamp,
}

#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) name: Text,
    /// `"name":`
    pub(super) key: Box<[u8]>,
    pub(super) plan: Plan,
}

impl Plan {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let inside = |schema: Option<&SchemaRef>| schema.map(|schema| Box::new(Self::new(schema)));
        let kind = match (Logical::of(schema), schema.schema_type()) {
            (Some(Logical::Date), _) => Kind::Date,
            (Some(Logical::Decimal), _) => Kind::Decimal {
                scale: decimal_scale(schema).ok(),
            },
            (Some(Logical::Time), _) => Kind::Time,
            (Some(Logical::Timestamp), _) => Kind::Timestamp,
            (_, SchemaType::Array(_)) => Kind::Array(inside(schema.value_schema())),
            (_, SchemaType::Boolean) => Kind::Boolean,
            (_, SchemaType::Bytes) => Kind::Bytes,
            (_, SchemaType::Float32) => Kind::Float32,
            (_, SchemaType::Float64) => Kind::Float64,
            (_, SchemaType::Int16) => Kind::Int16,
            (_, SchemaType::Int32) => Kind::Int32,
            (_, SchemaType::Int64) => Kind::Int64,
            (_, SchemaType::Int8) => Kind::Int8,
            (_, SchemaType::Map(..)) => Kind::Map {
                key: inside(schema.key_schema()),
                value: inside(schema.value_schema()),
                is_object: schema
                    .key_schema()
                    .is_some_and(|key| matches!(key.schema_type(), SchemaType::String)),
            },
            (_, SchemaType::Struct(fields)) => Kind::Struct(
                fields
                    .iter()
                    .map(|field| {
                        let mut key = Vec::new();
                        push_string(&mut key, field.name());
                        key.push(b':');
                        FieldPlan {
                            name: field.name().clone(),
                            key: key.into(),
                            plan: Self::new(field.schema()),
                        }
                    })
                    .collect(),
            ),
            _ => Kind::String,
        };
        Self {
            schema: schema.clone(),
            kind,
        }
    }
}
