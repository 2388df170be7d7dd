//! Names and versions of plugins.

use std::borrow::Cow;
use std::fmt;

/// The kind of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PluginKind {
    // In the order in which Kafka Connect lists them.
    /// A sink connector.
    Sink,
    /// A source connector.
    Source,
    /// A transform of single records.
    Transform,
    /// A predicate of a transform.
    Predicate,
    /// A converter of keys and values.
    Converter,
    /// A converter of headers.
    HeaderConverter,
    /// A provider of values for configurations.
    ConfigProvider,
}

impl PluginKind {
    /// All kinds, in the order in which Kafka Connect lists them.
    pub const ALL: [Self; 7] = [
        Self::Sink,
        Self::Source,
        Self::Transform,
        Self::Predicate,
        Self::Converter,
        Self::HeaderConverter,
        Self::ConfigProvider,
    ];

    /// The name in responses: `sink`, `source`, `transformation`, `predicate`, `converter`,
    /// `header_converter`, `configprovider`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConfigProvider => "configprovider",
            Self::Converter => "converter",
            Self::HeaderConverter => "header_converter",
            Self::Predicate => "predicate",
            Self::Sink => "sink",
            Self::Source => "source",
            Self::Transform => "transformation",
        }
    }

    /// True if plugins of this kind are connectors.
    #[must_use]
    pub const fn is_connector(self) -> bool {
        matches!(self, Self::Sink | Self::Source)
    }

    /// The Java interface of plugins of this kind. Class names usually end with it.
    pub(super) const fn interface(self) -> &'static str {
        match self {
            Self::ConfigProvider => "ConfigProvider",
            Self::Converter => "Converter",
            Self::HeaderConverter => "HeaderConverter",
            Self::Predicate => "Predicate",
            Self::Sink | Self::Source => "Connector",
            Self::Transform => "Transformation",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names and the version of a plugin.
///
/// ```
/// use connect_api::plugin::PluginInfo;
///
/// let info = PluginInfo::new("com.example.TableSourceConnector", env!("CARGO_PKG_VERSION"))
///     .alias("tables");
/// assert_eq!(info.simple_name(), "TableSourceConnector");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginInfo {
    class: Cow<'static, str>,
    aliases: Vec<Cow<'static, str>>,
    version: Cow<'static, str>,
}

impl PluginInfo {
    /// Creates the names of a plugin from its full class name, which configurations use. A port of a
    /// Java plugin has the name of the Java class; nested classes are written `a.b.Outer$Inner`.
    #[must_use]
    pub fn new(class: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self {
            class: class.into(),
            aliases: Vec::new(),
            version: version.into(),
        }
    }

    /// Adds an alias. The simple name and the short name (`FileStreamSource` for
    /// `FileStreamSourceConnector`) need not be added.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<Cow<'static, str>>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// The full class name.
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The class name without its package.
    #[must_use]
    pub fn simple_name(&self) -> &str {
        self.class
            .rsplit_once('.')
            .map_or(&*self.class, |(_, name)| name)
    }

    /// The aliases that were added.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.iter().map(|alias| &**alias)
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The simple name without its kind: `Json` for the converter `JsonConverter`.
    #[must_use]
    #[doc(alias = "prunedName")]
    pub fn short_name(&self, kind: PluginKind) -> &str {
        let name = self.simple_name();
        match name.rfind(kind.interface()) {
            None | Some(0) => name,
            Some(end) => name.get(..end).unwrap_or(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_those_of_java() {
        for (class, kind, short) in [
            (
                "a.FileStreamSourceConnector",
                PluginKind::Source,
                "FileStreamSource",
            ),
            (
                "a.FileStreamSinkConnector",
                PluginKind::Sink,
                "FileStreamSink",
            ),
            ("a.JsonConverter", PluginKind::Converter, "Json"),
            (
                "a.JsonConverter",
                PluginKind::HeaderConverter,
                "JsonConverter",
            ),
            (
                "a.SimpleHeaderConverter",
                PluginKind::HeaderConverter,
                "Simple",
            ),
            (
                "a.HoistField$Value",
                PluginKind::Transform,
                "HoistField$Value",
            ),
            ("a.FileConfigProvider", PluginKind::ConfigProvider, "File"),
            ("Connector", PluginKind::Source, "Connector"),
        ] {
            assert_eq!(PluginInfo::new(class, "1").short_name(kind), short);
        }
    }
}
