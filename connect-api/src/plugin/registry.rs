//! The registry of plugins.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::PluginInfo;
use super::PluginKind;
use super::closest;
use super::invisible::invisible_note;
use super::invisible::visible;
use crate::Connector;
use crate::Converter;
use crate::Error;
use crate::HeaderConverter;
use crate::Predicate;
use crate::Result;
use crate::SinkConnector;
use crate::SourceConnector;
use crate::Transform;
use crate::config::ConfigProvider;

/// The plugins that a worker can use.
///
/// *Shape*: a plain value; clones share the factories. Factories are closures, so they can share a
/// resource such as a connection pool.
///
/// # Names
///
/// A configuration refers to a plugin by its full class name, its simple name, its short name
/// (`FileStreamSource` for `FileStreamSourceConnector`, `Json` for `JsonConverter`) or an alias in
/// its [`PluginInfo`]. White space around a name does not count. A full name takes precedence. If several plugins have another name, using it
/// is an error that lists them.
///
/// Registering a class again for the same kind replaces it.
///
/// ```
/// use connect_api::plugin::{PluginInfo, PluginRegistry};
/// # use connect_api::{Predicate, Result, config::{ConfigDef, ConfigMap}, record::{Origin, Record}};
/// #[derive(Default)]
/// struct IsTombstone;
/// # impl Predicate for IsTombstone {
/// #     fn config_def(&self) -> &ConfigDef { ConfigDef::empty() }
/// #     fn configure(&mut self, _: &ConfigMap) -> Result<()> { Ok(()) }
/// #     fn test(&mut self, _: &Record, _: Origin<'_>) -> Result<bool> { Ok(false) }
/// # }
///
/// /// The function that a plugin crate exports.
/// fn plugins(registry: &mut PluginRegistry) {
///     registry.predicate(
///         PluginInfo::new("com.example.IsTombstone", env!("CARGO_PKG_VERSION")),
///         IsTombstone::default,
///     );
/// }
///
/// let mut registry = PluginRegistry::new();
/// registry.install(plugins);
/// assert!(registry.new_predicate("IsTombstone").is_ok());
/// let error = registry.new_predicate("IsTombston").err().unwrap();
/// assert!(error.to_string().ends_with("did you mean com.example.IsTombstone?"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct PluginRegistry {
    sources: Shelf<dyn SourceConnector>,
    sinks: Shelf<dyn SinkConnector>,
    converters: Shelf<dyn Converter>,
    header_converters: Shelf<dyn HeaderConverter>,
    transforms: Shelf<dyn Transform>,
    predicates: Shelf<dyn Predicate>,
    config_providers: Shelf<dyn ConfigProvider>,
}

/// The plugins of one kind by class.
type Shelf<P> = BTreeMap<String, Factory<P>>;

/// Creates plugins of one class.
pub struct Factory<P: ?Sized> {
    info: Arc<PluginInfo>,
    make: Arc<dyn Fn() -> Box<P> + Send + Sync>,
}

/// Creates connectors of one class.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConnectorFactory {
    /// The class is a sink.
    Sink(Factory<dyn SinkConnector>),
    /// The class is a source.
    Source(Factory<dyn SourceConnector>),
}

/// Declares the methods of one kind of plugins.
macro_rules! kind {
    ($what:literal, $shelf:ident, $kind:ident, $bound:ident, $add:ident, $find:ident, $new:ident) => {
        #[doc = concat!("Registers a ", $what, ".")]
        pub fn $add<P: $bound>(
            &mut self,
            info: PluginInfo,
            factory: impl Fn() -> P + Send + Sync + 'static,
        ) -> &mut Self {
            let make = Arc::new(move || -> Box<dyn $bound> { Box::new(factory()) });
            let class = info.class().to_owned();
            self.$shelf.insert(
                class,
                Factory {
                    info: Arc::new(info),
                    make,
                },
            );
            self
        }

        #[doc = concat!("Finds the ", $what, " with a name.")]
        ///
        /// # Errors
        /// [`Config`](crate::ErrorKind::Config): nothing has the name, or several plugins have it.
        pub fn $find(&self, name: &str) -> Result<&Factory<dyn $bound>> {
            let class = self.class_of(name, &[PluginKind::$kind])?;
            self.$shelf
                .get(class)
                .ok_or_else(|| self.unknown(name, &[PluginKind::$kind]))
        }

        #[doc = concat!("Creates the ", $what, " with a name.")]
        ///
        /// # Errors
        /// [`Config`](crate::ErrorKind::Config): nothing has the name, or several plugins have it.
        pub fn $new(&self, name: &str) -> Result<Box<dyn $bound>> {
            self.$find(name).map(Factory::make)
        }
    };
}

impl PluginRegistry {
    /// Creates a registry without plugins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the plugins of a crate.
    pub fn install(&mut self, plugins: impl FnOnce(&mut Self)) -> &mut Self {
        plugins(self);
        self
    }

    kind!(
        "source connector",
        sources,
        Source,
        SourceConnector,
        source,
        find_source,
        new_source
    );
    kind!(
        "sink connector",
        sinks,
        Sink,
        SinkConnector,
        sink,
        find_sink,
        new_sink
    );
    kind!(
        "converter",
        converters,
        Converter,
        Converter,
        converter,
        find_converter,
        new_converter
    );
    kind!(
        "header converter",
        header_converters,
        HeaderConverter,
        HeaderConverter,
        header_converter,
        find_header_converter,
        new_header_converter
    );
    kind!(
        "transform",
        transforms,
        Transform,
        Transform,
        transform,
        find_transform,
        new_transform
    );
    kind!(
        "predicate",
        predicates,
        Predicate,
        Predicate,
        predicate,
        find_predicate,
        new_predicate
    );
    kind!(
        "config provider",
        config_providers,
        ConfigProvider,
        ConfigProvider,
        config_provider,
        find_config_provider,
        new_config_provider
    );

    /// Finds the connector with a name.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): nothing has the name, or several connectors have it.
    pub fn connector(&self, name: &str) -> Result<ConnectorFactory> {
        const KINDS: &[PluginKind] = &[PluginKind::Sink, PluginKind::Source];
        let class = self.class_of(name, KINDS)?;
        let source = self
            .sources
            .get(class)
            .cloned()
            .map(ConnectorFactory::Source);
        let sink = || self.sinks.get(class).cloned().map(ConnectorFactory::Sink);
        source
            .or_else(sink)
            .ok_or_else(|| self.unknown(name, KINDS))
    }

    /// The full class name of the plugin with a name, among plugins of these kinds.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): nothing has the name, or several plugins have it.
    pub fn class_of(&self, name: &str, kinds: &[PluginKind]) -> Result<&str> {
        let name = name.trim();
        let infos = self.infos(kinds);
        if let Some(info) = infos.iter().find(|info| info.class() == name) {
            return Ok(info.class());
        }
        let named = infos.into_iter().filter(|info| self.is_named(info, name));
        let classes: BTreeSet<_> = named.map(PluginInfo::class).collect();
        match *Vec::from_iter(classes) {
            [class] => Ok(class),
            [] => Err(self.unknown(name, kinds)),
            ref several => Err(Error::config(format!(
                "More than one {} matches alias {name}. Please use full package and class name \
                 instead. Classes found: {}",
                title(kinds),
                several.join(", ")
            ))),
        }
    }

    /// The plugins by kind and class, in Kafka Connect's order.
    #[must_use]
    pub fn list(&self) -> Vec<(PluginKind, &PluginInfo)> {
        let of = |kind| {
            self.infos_of(kind)
                .into_iter()
                .map(move |info| (kind, info))
        };
        PluginKind::ALL.into_iter().flat_map(of).collect()
    }

    /// A copy of the registry with only these plugins.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): nothing has one of the names.
    pub fn only(&self, names: &[&str]) -> Result<Self> {
        let classes = self.classes(names)?;
        Ok(self.filtered(|class| classes.contains(class)))
    }

    /// A copy of the registry without these plugins.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config): nothing has one of the names.
    pub fn without(&self, names: &[&str]) -> Result<Self> {
        let classes = self.classes(names)?;
        Ok(self.filtered(|class| !classes.contains(class)))
    }

    fn classes(&self, names: &[&str]) -> Result<BTreeSet<String>> {
        names
            .iter()
            .map(|name| self.class_of(name, &PluginKind::ALL).map(str::to_owned))
            .collect()
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut registry = self.clone();
        registry.sources.retain(|class, _| keep(class));
        registry.sinks.retain(|class, _| keep(class));
        registry.converters.retain(|class, _| keep(class));
        registry.header_converters.retain(|class, _| keep(class));
        registry.transforms.retain(|class, _| keep(class));
        registry.predicates.retain(|class, _| keep(class));
        registry.config_providers.retain(|class, _| keep(class));
        registry
    }

    fn infos(&self, kinds: &[PluginKind]) -> Vec<&PluginInfo> {
        kinds.iter().flat_map(|kind| self.infos_of(*kind)).collect()
    }

    fn infos_of(&self, kind: PluginKind) -> Vec<&PluginInfo> {
        match kind {
            PluginKind::ConfigProvider => infos(&self.config_providers),
            PluginKind::Converter => infos(&self.converters),
            PluginKind::HeaderConverter => infos(&self.header_converters),
            PluginKind::Predicate => infos(&self.predicates),
            PluginKind::Sink => infos(&self.sinks),
            PluginKind::Source => infos(&self.sources),
            PluginKind::Transform => infos(&self.transforms),
        }
    }

    /// True if a plugin has this name, apart from its full name. A class has the same names in all
    /// its kinds: `Json` is also the header converter `JsonConverter`, because that is a converter too.
    fn is_named(&self, info: &PluginInfo, name: &str) -> bool {
        let is_named_as = |(kind, other): (PluginKind, &PluginInfo)| {
            let is_alias = other.aliases().any(|alias| alias == name);
            other.class() == info.class() && (is_alias || other.short_name(kind) == name)
        };
        info.simple_name() == name || self.list().into_iter().any(is_named_as)
    }

    fn unknown(&self, name: &str, kinds: &[PluginKind]) -> Error {
        let infos = self.infos(kinds);
        let classes: BTreeSet<_> = infos.iter().map(|info| info.class()).collect();
        let classes = Vec::from_iter(classes);
        let mut names = BTreeMap::new();
        for info in infos {
            let short = kinds.iter().map(|kind| info.short_name(*kind));
            let others = [info.class(), info.simple_name()]
                .into_iter()
                .chain(info.aliases());
            names.extend(short.chain(others).map(|name| (name, info.class())));
        }
        let candidates = names.keys().copied();
        let likely = closest(&visible(name), candidates).and_then(|name| names.get(name));
        let mut message = format!(
            "Failed to find any class that implements {} and which name matches {name}, \
             available are: {}",
            title(kinds),
            if classes.is_empty() {
                "none".into()
            } else {
                classes.join(", ")
            }
        );
        if let Some(note) = invisible_note(name) {
            message.push_str(&format!("; {note}"));
        }
        if let Some(likely) = likely {
            message.push_str(&format!("; did you mean {likely}?"));
        }
        Error::config(message)
    }
}

impl<P: ?Sized> Factory<P> {
    /// The names and the version of the class.
    #[must_use]
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// Creates a plugin.
    #[must_use]
    pub fn make(&self) -> Box<P> {
        (self.make)()
    }
}

impl<P: ?Sized> Clone for Factory<P> {
    fn clone(&self) -> Self {
        Self {
            info: Arc::clone(&self.info),
            make: Arc::clone(&self.make),
        }
    }
}

impl<P: ?Sized> fmt::Debug for Factory<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Factory").field(&self.info).finish()
    }
}

impl ConnectorFactory {
    /// The names and the version of the class.
    #[must_use]
    pub fn info(&self) -> &PluginInfo {
        match self {
            Self::Sink(factory) => factory.info(),
            Self::Source(factory) => factory.info(),
        }
    }

    /// Whether the class is a source or a sink.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        match self {
            Self::Sink(_) => PluginKind::Sink,
            Self::Source(_) => PluginKind::Source,
        }
    }

    /// Creates a connector, for what sources and sinks have in common.
    #[must_use]
    pub fn make(&self) -> Box<dyn Connector> {
        match self {
            Self::Sink(factory) => factory.make(),
            Self::Source(factory) => factory.make(),
        }
    }
}

fn infos<P: ?Sized>(shelf: &Shelf<P>) -> Vec<&PluginInfo> {
    shelf.values().map(Factory::info).collect()
}

/// The name of these kinds in errors.
fn title(kinds: &[PluginKind]) -> &'static str {
    match kinds {
        [kind] => kind.interface(),
        kinds if kinds.iter().all(|kind| kind.is_connector()) => "Connector",
        _ => "plugin",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::DatumRole;
    use crate::TopicName;
    use crate::config::ConfigDef;
    use crate::config::ConfigMap;
    use crate::data::Datum;
    use crate::data::Text;
    use crate::record::Header;
    use crate::record::Origin;
    use crate::record::RawHeaders;
    use crate::record::Record;

    struct Nothing;

    impl Converter for Nothing {
        fn config_def(&self) -> &ConfigDef {
            ConfigDef::empty()
        }

        fn configure(&mut self, _: &ConfigMap, _: DatumRole) -> Result<()> {
            Ok(())
        }

        fn encode(
            &mut self,
            _: &TopicName,
            _: &mut RawHeaders,
            _: &Datum,
        ) -> Result<Option<Bytes>> {
            Ok(None)
        }

        fn decode(&mut self, _: &TopicName, _: &RawHeaders, _: Option<Bytes>) -> Result<Datum> {
            Err(Error::unsupported("nothing to decode"))
        }
    }

    impl HeaderConverter for Nothing {
        fn config_def(&self) -> &ConfigDef {
            ConfigDef::empty()
        }

        fn configure(&mut self, _: &ConfigMap) -> Result<()> {
            Ok(())
        }

        fn encode(&mut self, _: &TopicName, _: &Header) -> Result<Option<Bytes>> {
            Ok(None)
        }

        fn decode(&mut self, _: &TopicName, _: &Text, _: Option<Bytes>) -> Result<Datum> {
            Err(Error::unsupported("nothing to decode"))
        }
    }

    impl Transform for Nothing {
        fn config_def(&self) -> &ConfigDef {
            ConfigDef::empty()
        }

        fn configure(&mut self, _: &ConfigMap) -> Result<()> {
            Ok(())
        }

        fn apply(&mut self, record: Record, _: Origin<'_>) -> Result<Option<Record>> {
            Ok(Some(record))
        }
    }

    fn registry() -> PluginRegistry {
        let info = |class: &'static str| PluginInfo::new(class, "1");
        let mut registry = PluginRegistry::new();
        registry
            .converter(info("a.JsonConverter"), || Nothing)
            .header_converter(info("a.JsonConverter"), || Nothing)
            .header_converter(info("a.SimpleHeaderConverter"), || Nothing)
            .converter(info("b.StringConverter").alias("text"), || Nothing)
            .converter(info("c.StringConverter"), || Nothing)
            .transform(info("t.HoistField$Key"), || Nothing)
            .transform(info("t.HoistField$Value"), || Nothing);
        registry
    }

    #[test]
    fn a_plugin_has_several_names() {
        let registry = registry();
        for (name, class) in [
            ("a.JsonConverter", "a.JsonConverter"),
            ("JsonConverter", "a.JsonConverter"),
            ("Json", "a.JsonConverter"),
            ("text", "b.StringConverter"),
            ("c.StringConverter", "c.StringConverter"),
        ] {
            assert_eq!(registry.find_converter(name).unwrap().info().class(), class);
        }
        for name in ["Json", "Simple", "SimpleHeaderConverter"] {
            assert!(registry.new_header_converter(name).is_ok(), "{name}");
        }
        for name in ["HoistField$Value", "t.HoistField$Value"] {
            let factory = registry.find_transform(name).unwrap();
            assert_eq!(factory.info().class(), "t.HoistField$Value");
        }
    }

    #[test]
    fn a_name_of_several_plugins_is_refused() {
        let error = registry().new_converter("String").err().unwrap();
        assert_eq!(
            error.to_string(),
            "More than one Converter matches alias String. Please use full package and class name \
             instead. Classes found: b.StringConverter, c.StringConverter"
        );
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        let error = registry().new_converter("Jsn").err().unwrap();
        assert_eq!(
            error.to_string(),
            "Failed to find any class that implements Converter and which name matches Jsn, \
             available are: a.JsonConverter, b.StringConverter, c.StringConverter; \
             did you mean a.JsonConverter?"
        );
        let error = registry().new_converter("Json\u{a0}").err().unwrap();
        assert!(
            error.to_string().ends_with(
                "; the name has a no-break space (U+00A0) at its end; remove it; \
                 did you mean a.JsonConverter?"
            ),
            "{error}"
        );
        let error = registry().connector("FileStreamSource").err().unwrap();
        assert_eq!(
            error.to_string(),
            "Failed to find any class that implements Connector and which name matches \
             FileStreamSource, available are: none"
        );
        assert_eq!(error.kind(), crate::ErrorKind::Config);
    }

    #[test]
    fn restricted_copies_leave_the_original_alone() {
        let registry = registry();
        let only = registry.only(&["Json", "HoistField$Key"]).unwrap();
        let names: Vec<_> = only
            .list()
            .iter()
            .map(|(kind, info)| format!("{kind} {}", info.class()))
            .collect();
        assert_eq!(
            names,
            [
                "transformation t.HoistField$Key",
                "converter a.JsonConverter",
                "header_converter a.JsonConverter",
            ]
        );
        let without = registry.without(&["c.StringConverter"]).unwrap();
        assert!(without.new_converter("String").is_ok());
        assert!(registry.without(&["Nope"]).is_err());
        assert_eq!(registry.list().len(), 7);
    }

    #[test]
    fn factories_can_capture_what_is_scarce() {
        let scarce = Arc::new(());
        let mut registry = PluginRegistry::new();
        let captured = Arc::clone(&scarce);
        registry.transform(PluginInfo::new("a.T", "1"), move || {
            let _shared = Arc::clone(&captured);
            Nothing
        });
        let copy = registry.clone();
        drop(registry);
        assert!(copy.new_transform("T").is_ok());
        assert_eq!(Arc::strong_count(&scarce), 2);
    }

    #[test]
    fn registries_move_between_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<PluginRegistry>();
        check::<ConnectorFactory>();
    }
}
