//! Files that each describe one connector.
//!
//! A file has one of three forms, as in Kafka Connect (KIP-1013): a JSON object of options, a JSON
//! create request as the REST interface takes it (`name`, `config`, `initial_state`; other members
//! are ignored), or `.properties`. They are tried in this order.

use std::fmt;
use std::path::Path;
use std::path::PathBuf;

use connect_api::ConfigMap;
use connect_core::cluster::TargetState;
use serde::Deserialize;
use serde::de::IgnoredAny;

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
    /// The state to create it in; running if absent.
    pub initial_state: Option<TargetState>,
}

/// Why a file does not describe a connector.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectorFileError {
    /// The file is JSON, and not an object of options or a create request.
    #[error("{path} is not a JSON object of options or a JSON create request: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: Box<dyn std::error::Error + Send + Sync>,
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

/// As `Display`: a `main` that returns the error prints `Debug`.
impl fmt::Debug for ConnectorFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a file.
///
/// # Errors
/// The file cannot be read, has none of the three forms, or does not name a connector.
pub fn read(path: &Path) -> Result<ConnectorFile, ConnectorFileError> {
    let bytes = std::fs::read(path).map_err(|source| PropertiesError::Io {
        path: path.to_owned(),
        source,
    })?;
    let json = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let as_map = match serde_json::from_slice::<ConfigMap>(json) {
        Ok(config) => return named(path, config, None),
        Err(error) => error,
    };
    let as_request = match serde_json::from_slice::<Request>(json) {
        Ok(request) => return request.into_connector(path),
        Err(error) => error,
    };
    if !is_json(path, json) {
        return named(path, properties::read(path)?, None);
    }
    let syntax = serde_json::from_slice::<serde_json::Value>(json).err();
    // Serde would read an array as the members of the struct, in order.
    let is_request = json.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Outline>(json).is_ok_and(|it| it.config.is_some());
    let shape = if is_request { as_request } else { as_map };
    Err(ConnectorFileError::Json {
        path: path.to_owned(),
        source: syntax.unwrap_or(shape).into(),
    })
}

/// Tells a request from an object of options.
#[derive(Deserialize)]
struct Outline {
    config: Option<IgnoredAny>,
}

/// A create request of the REST interface.
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
            "initial_state \"{name}\" is not one of RUNNING, PAUSED, STOPPED"
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

/// True if a file is meant to be JSON: by its name, or because a `.properties` file does not look like
/// that.
fn is_json(path: &Path, bytes: &[u8]) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
        || bytes.trim_ascii_start().starts_with(b"{")
        || serde_json::from_slice::<Vec<IgnoredAny>>(bytes).is_ok()
}

/// U+FEFF in UTF-8, which some editors put first.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

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
    fn a_byte_order_mark_is_skipped() {
        for text in ["\u{feff}name=lines", "\u{feff}{\"name\": \"lines\"}"] {
            assert_eq!(read_text(text).unwrap().name, "lines");
        }
    }

    #[test]
    fn a_request_may_set_the_initial_state() {
        let text = r#"{"name": "lines", "config": {}, "initial_state": "paused"}"#;
        assert_eq!(
            read_text(text).unwrap().initial_state,
            Some(TargetState::Paused)
        );
        let text = r#"{"name": "lines", "config": {}, "initial_state": null}"#;
        assert_eq!(read_text(text).unwrap().initial_state, None);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(failure("tasks.max=1").ends_with("is missing the mandatory 'name' configuration"));
        assert!(failure("{}").ends_with("is missing the mandatory 'name' configuration"));
        assert!(
            failure(r#"{"name": "a", "config": {"name": "b"}}"#).contains("doesn't match the one")
        );
        let text = r#"{"name": "a", "config": {}, "initial_state": "asleep"}"#;
        assert!(failure(text).contains("\"asleep\" is not one of RUNNING, PAUSED, STOPPED"));
        for (text, reason) in [
            (
                "{\"name\": \"a\",,}",
                "key must be a string at line 1 column 14",
            ),
            (
                "{\n\"name\": \"a\",\n}",
                "trailing comma at line 3 column 1",
            ),
            (
                "{\"name\": \"a\", \"config\": {\n\"x\": 1,}}",
                "trailing comma at line 2",
            ),
            ("[{\"name\": \"a\"}]", "invalid type: sequence"),
            (
                "{\"name\": \"a\", \"topics\": [\"t\"]}",
                "a number, a boolean or null",
            ),
            (
                "{\"name\": \"a\", \"config\": {\"x\": {}}}",
                "a number, a boolean or null",
            ),
            ("{\"config\": {\"name\": \"a\"}}", "missing field `name`"),
        ] {
            let failure = failure(text);
            assert!(failure.contains("is not a JSON object of options or a JSON create request"));
            assert!(failure.contains(reason), "{failure}");
        }
        assert!(
            read(Path::new("/nowhere"))
                .unwrap_err()
                .to_string()
                .contains("/nowhere")
        );
    }
}
