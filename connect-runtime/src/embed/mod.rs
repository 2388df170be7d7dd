//! Connectors without a log: a source as a stream, a sink that the host feeds.
//!
//! Both run the same task loops as a worker, with the same transforms, ordering, error tolerance
//! and offset rules; only the other end differs.

mod feed;
mod sink_handle;
mod source_stream;
mod stream_producer;

pub use sink_handle::SinkHandle;
pub use sink_handle::SinkHandleBuilder;
pub use source_stream::SourceBatch;
pub use source_stream::SourceStream;
pub use source_stream::SourceStreamBuilder;

use connect_api::ConfigMap;
use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;

use crate::config::log_connector;
use crate::config::problems;
use crate::config::validate;

/// Checks the configuration of a connector that runs without a worker. Its `name` is optional.
async fn checked(registry: &PluginRegistry, mut config: ConfigMap) -> Result<ConfigMap> {
    if !config.contains_key("name") {
        config.insert("name", "embedded");
    }
    log_connector(registry, None, &config);
    let validation = validate(registry, None, &config).await?;
    if validation.is_ok() {
        Ok(config)
    } else {
        Err(Error::config(problems(&validation)))
    }
}
