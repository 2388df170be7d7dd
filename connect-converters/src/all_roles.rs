//! Converters that treat keys, values and headers alike.

use connect_api::DatumRole;
use connect_api::Result;
use connect_api::config::ConfigMap;

/// Implements `Converter` and `HeaderConverter` for a type that has the methods
/// `encode_datum(&Datum)` and `decode_bytes(Option<Bytes>)`. A converter with options also passes
/// their definition and the function that reads them.
macro_rules! all_roles {
    ($converter:ident) => {
        $crate::all_roles::all_roles!(
            $converter,
            $crate::converter_type::def(),
            $crate::all_roles::no_options
        );
    };
    ($converter:ident, $def:expr, $configure:path) => {
        impl ::connect_api::Converter for $converter {
            fn config_def(&self) -> &::connect_api::config::ConfigDef {
                $def
            }

            fn configure(
                &mut self,
                config: &::connect_api::config::ConfigMap,
                role: ::connect_api::DatumRole,
            ) -> ::connect_api::Result<()> {
                $configure(self, config, role)
            }

            fn encode(
                &mut self,
                _: &::connect_api::TopicName,
                _: &mut ::connect_api::record::RawHeaders,
                datum: &::connect_api::data::Datum,
            ) -> ::connect_api::Result<Option<::bytes::Bytes>> {
                self.encode_datum(datum)
            }

            fn decode(
                &mut self,
                _: &::connect_api::TopicName,
                _: &::connect_api::record::RawHeaders,
                bytes: Option<::bytes::Bytes>,
            ) -> ::connect_api::Result<::connect_api::data::Datum> {
                self.decode_bytes(bytes)
            }
        }

        impl ::connect_api::HeaderConverter for $converter {
            fn config_def(&self) -> &::connect_api::config::ConfigDef {
                $def
            }

            fn configure(
                &mut self,
                config: &::connect_api::config::ConfigMap,
            ) -> ::connect_api::Result<()> {
                $configure(self, config, ::connect_api::DatumRole::Header)
            }

            fn encode(
                &mut self,
                _: &::connect_api::TopicName,
                header: &::connect_api::record::Header,
            ) -> ::connect_api::Result<Option<::bytes::Bytes>> {
                self.encode_datum(&header.value)
            }

            fn decode(
                &mut self,
                _: &::connect_api::TopicName,
                _: &::connect_api::data::Text,
                bytes: Option<::bytes::Bytes>,
            ) -> ::connect_api::Result<::connect_api::data::Datum> {
                self.decode_bytes(bytes)
            }
        }
    };
}

pub(crate) use all_roles;

/// Configures a converter that has no options of its own.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature of a function that may fail"
)]
pub(crate) fn no_options<C>(_: &mut C, _: &ConfigMap, _: DatumRole) -> Result<()> {
    Ok(())
}
