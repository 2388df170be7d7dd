//! Files that each describe one connector.
//!
//! Tried in this order, as Kafka Connect does (KIP-1013): a JSON object of options, a JSON request as
//! the REST interface takes it (`name`, `config`, `initial_state`; other members are ignored), and
//! `.properties`.

use std::path::Path;
use std::path::PathBuf;

use connect_api::ConfigMap;
use connect_core::cluster::TargetState;
use serde::Deserialize;

use crate::properties;
use crate::properties::PropertiesError;

/// A connector to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectorFile {
    /// Its name.
    pub name: String,
    /// Its options, `name` among them.
    pub config: ConfigMap,
    /// What is wanted of it at first, if not that it runs.
    pub initial_state: Option<TargetState>,
}

/// Why a file does not describe a connector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorFileError {
    /// The file is JSON and neither an object of options nor a request.
    #[error(
        "{path} is neither a JSON object of options ({as_map}) nor a JSON request ({as_request})",
        path = path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// Why it is no object of options.
        as_map: Box<dyn std::error::Error + Send + Sync>,
        /// Why it is no request.
        as_request: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file has two names.
    #[error(
        "connector name configuration in 'config' (\"{inner}\") doesn't match the one specified in \
         'name' (\"{outer}\") at '{path}'",
        path = path.display()
    )]
    NameMismatch {
        /// The file.
        path: PathBuf,
        /// The name beside the configuration.
        outer: String,
        /// The name inside the configuration.
        inner: String,
    },
    /// The file has no name.
    #[error(
        "connector configuration at '{path}' is missing the mandatory 'name' configuration",
        path = path.display()
    )]
    NoName {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Properties(#[from] PropertiesError),
}

/// Reads a file.
///
/// # Errors
/// The file cannot be read, has neither of the three forms, or names no connector.
pub fn read(path: &Path) -> Result<ConnectorFile, ConnectorFileError> {
    let bytes = std::fs::read(path).map_err(|source| PropertiesError::Io {
        path: path.to_owned(),
        source,
    })?;
    let as_map = match serde_json::from_slice::<ConfigMap>(&bytes) {
        Ok(config) => return named(path, config, None),
        Err(error) => error,
    };
    match serde_json::from_slice::<Request>(&bytes) {
        Ok(request) => request.into_connector(path),
        Err(as_request) if is_json(&bytes) => Err(ConnectorFileError::Json {
            path: path.to_owned(),
            as_map: as_map.into(),
            as_request: as_request.into(),
        }),
        Err(_) => named(path, properties::read(path)?, None),
    }
}

/// What the REST interface takes to create a connector.
#[derive(Deserialize)]
struct Request {
    name: String,
    config: ConfigMap,
    #[serde(default, deserialize_with = "state")]
    initial_state: Option<TargetState>,
}

impl Request {
    fn into_connector(self, path: &Path) -> Result<ConnectorFile, ConnectorFileError> {
        let Self {
            name,
            mut config,
            initial_state,
        } = self;
        if config.contains_key("name") {
            let inner = config.get("name").unwrap_or_default();
            if inner != name {
                let (inner, path) = (inner.to_owned(), path.to_owned());
                return Err(ConnectorFileError::NameMismatch {
                    path,
                    outer: name,
                    inner,
                });
            }
        }
        config.insert("name", name);
        named(path, config, initial_state)
    }
}

fn state<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<TargetState>, D::Error> {
    let Some(name) = Option::<String>::deserialize(input)? else {
        return Ok(None);
    };
    let unknown = || {
        serde::de::Error::custom(format!(
            "initial_state \"{name}\" is none of RUNNING, PAUSED, STOPPED"
        ))
    };
    TargetState::parse(&name).map(Some).ok_or_else(unknown)
}

fn named(
    path: &Path,
    config: ConfigMap,
    initial_state: Option<TargetState>,
) -> Result<ConnectorFile, ConnectorFileError> {
    match config.get("name").map(str::to_owned) {
        Some(name) => Ok(ConnectorFile {
            name,
            config,
            initial_state,
        }),
        None => Err(ConnectorFileError::NoName {
            path: path.to_owned(),
        }),
    }
}

/// True if a file is meant to be a JSON object: no useful `.properties` file begins like that.
fn is_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use connect_api::config_map;

    use super::*;

    fn read_text(text: &str) -> Result<ConnectorFile, ConnectorFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connector");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    fn failure(text: &str) -> String {
        read_text(text).unwrap_err().to_string()
    }

    #[test]
    fn all_three_forms_give_the_same_connector() {
        let config = config_map! { "name" => "lines", "tasks.max" => 1 };
        for text in [
            "name=lines\ntasks.max=1\n",
            r#"{"name": "lines", "tasks.max": 1}"#,
            r#"{"name": "lines", "config": {"tasks.max": "1"}, "other": [1]}"#,
            r#"{"name": "lines", "config": {"name": "lines", "tasks.max": "1"}}"#,
        ] {
            let connector = read_text(text).unwrap();
            assert_eq!(
                (&*connector.name, &connector.config),
                ("lines", &config),
                "{text}"
            );
            assert_eq!(connector.initial_state, None);
        }
    }

    #[test]
    fn a_request_may_say_the_initial_state() {
        let text = r#"{"name": "lines", "config": {}, "initial_state": "paused"}"#;
        assert_eq!(
            read_text(text).unwrap().initial_state,
            Some(TargetState::Paused)
        );
        let text = r#"{"name": "lines", "config": {}, "initial_state": null}"#;
        assert_eq!(read_text(text).unwrap().initial_state, None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(failure("tasks.max=1").ends_with("is missing the mandatory 'name' configuration"));
        assert!(failure("{}").ends_with("is missing the mandatory 'name' configuration"));
        assert!(
            failure(r#"{"name": "a", "config": {"name": "b"}}"#).contains("doesn't match the one")
        );
        let text = r#"{"name": "a", "config": {}, "initial_state": "asleep"}"#;
        assert!(failure(text).contains("\"asleep\" is none of RUNNING, PAUSED, STOPPED"));
        assert!(failure("{\"name\": \"a\",,}").contains("is neither a JSON object of options"));
        assert!(
            read(Path::new("/nowhere"))
                .unwrap_err()
                .to_string()
                .contains("/nowhere")
        );
    }
}
