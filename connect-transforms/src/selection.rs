//! Structs with some of the fields of another struct.

use std::sync::Arc;

use connect_api::Result;
use connect_api::data::Datum;
use connect_api::data::Schema;
use connect_api::data::SchemaBuilder;
use connect_api::data::SchemaRef;
use connect_api::data::Struct;
use connect_api::data::Text;

use crate::null::settle_nulls;

/// The fields to keep of a struct schema, and the schema of the new struct.
#[derive(Debug)]
pub(crate) struct Selection {
    schema: SchemaRef,
    is_kept: Vec<bool>,
}

impl Selection {
    /// Keeps the fields for which there is a name.
    ///
    /// The new schema has the name, version, documentation and parameters of the old one.
    ///
    /// # Errors
    /// Two fields have the same name.
    pub(crate) fn new(
        schema: &Schema,
        new_name: impl Fn(&Text) -> Option<Text>,
    ) -> Result<Arc<Self>> {
        let mut builder = SchemaBuilder::structure().basics_of(schema);
        let mut is_kept = Vec::new();
        for field in schema.fields().unwrap_or_default() {
            let name = new_name(field.name());
            is_kept.push(name.is_some());
            if let Some(name) = name {
                builder = builder.field(name, field.schema().clone());
            }
        }
        let schema = builder.build()?;
        Ok(Arc::new(Self { schema, is_kept }))
    }

    /// The struct with the fields to keep, and its schema.
    ///
    /// # Errors
    /// A required field is null.
    pub(crate) fn select(
        &self,
        structure: Struct,
        replaces_null_with_default: bool,
    ) -> Result<Datum> {
        let mut values = structure.into_values();
        let mut is_kept = self.is_kept.iter();
        values.retain(|_| is_kept.next().copied().unwrap_or_default());
        let fields = self.schema.fields().unwrap_or_default();
        settle_nulls(&mut values, fields, replaces_null_with_default)?;
        let selected = Struct::from_values(self.schema.clone(), values)?;
        Ok(Datum::new(self.schema.clone(), selected))
    }
}
