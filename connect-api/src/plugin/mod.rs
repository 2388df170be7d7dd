//! Plugins by name.
//!
//! Decision that lives here: which registered plugin a name in a configuration means. Plugins are
//! linked into the program and registered explicitly; there is no dynamic loading and no global
//! registry.
//!
//! Each plugin crate exports one function, by convention named `plugins`, for
//! [`PluginRegistry::install`].

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
