//! Adding a fixed header.

use connect_api::Result;
use connect_api::Transform;
use connect_api::config::ConfigDef;
use connect_api::config::ConfigMap;
use connect_api::config::FromConfig;
use connect_api::data::Datum;
use connect_api::data::Text;
use connect_api::data::parse;
use connect_api::record::Header;
use connect_api::record::Origin;
use connect_api::record::Record;

/// Adds a header after those of the record. The type of its value is guessed from the configured text
/// ([`parse`]): `5` is an INT8, `[1,2]` an array, `null` null without a schema. A text that is not
/// wholly such a value is a string.
///
/// *Java*: `InsertHeader`.
#[derive(Debug, Default)]
pub struct InsertHeader {
    name: Text,
    value: Datum,
}

#[derive(Debug, Clone, ConfigDef)]
struct InsertHeaderConfig {
    /// The name of the header.
    #[config(name = "header", importance = high, validate = non_null)]
    name: Text,
    /// The literal value that is to be set as the header value on all records.
    #[config(name = "value.literal", importance = high, validate = non_null)]
    value: String,
}

impl Transform for InsertHeader {
    fn config_def(&self) -> &ConfigDef {
        InsertHeaderConfig::config_def()
    }

    fn configure(&mut self, config: &ConfigMap) -> Result<()> {
        let config = InsertHeaderConfig::from_config(config)?;
        self.name = config.name;
        self.value = parse(&config.value);
        Ok(())
    }

    fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
        record
            .headers
            .push(Header::new(self.name.clone(), self.value.clone()));
        Ok(Some(record))
    }
}
