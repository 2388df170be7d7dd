//! File connectors (work in progress).

pub mod config;
mod error;
mod identity;
mod line;
mod os;
mod resume;
mod sidecar;
pub mod sink;
pub mod source;
mod stdin;
mod tail;
mod watch;
mod write;

use connect_api::PluginRegistry;
use connect_api::plugin::PluginInfo;

use crate::sink::FileStreamSinkConnector;
use crate::source::FileStreamSourceConnector;
use crate::stdin::Stdin;
use crate::watch::Watcher;

/// Registers the file connectors.
pub fn plugins(registry: &mut PluginRegistry) {
    let (watcher, stdin) = (Watcher::default(), Stdin::default());
    registry.source(
        PluginInfo::new(
            "org.apache.kafka.connect.file.FileStreamSourceConnector",
            VERSION,
        ),
        move || FileStreamSourceConnector::sharing(watcher.clone(), stdin.clone()),
    );
    registry.sink(
        PluginInfo::new(
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            VERSION,
        ),
        FileStreamSinkConnector::default,
    );
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
