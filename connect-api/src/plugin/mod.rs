//! Plugins and their names.
//!
//! This module decides which plugin a name in a configuration refers to. Plugins are linked into the
//! program and registered explicitly. There is no dynamic loading and no global registry.
//!
//! By convention, a plugin crate exports a function `plugins` for [`PluginRegistry::install`].

mod closest;
mod info;
mod invisible;
mod registry;

pub use closest::closest;
pub use info::PluginInfo;
pub use info::PluginKind;
pub(crate) use invisible::invisible_note;
pub use registry::ConnectorFactory;
pub use registry::Factory;
pub use registry::PluginRegistry;
