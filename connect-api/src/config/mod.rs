//! Configurations: strings, their definitions, and typed structs.
//!
//! This module decides how a string is parsed for each type, what is an error, how errors are
//! worded, and which values must not be printed. The wording is Kafka's because users search for it
//! and tools compare it.
//!
//! * [`ConfigMap`] is a configuration as strings, with secrets marked.
//! * [`ConfigDef`](struct@ConfigDef) defines the keys.
//!   [`validate`](struct@ConfigDef#method.validate) finds every error of every key, and
//!   [`ConfigInfos`] is the form of the result in the REST API.
//! * [`FromConfig`] reads a typed struct. Deriving it also derives the definition:
//!
//! ```
//! # #[cfg(feature = "derive")] {
//! use std::path::PathBuf;
//!
//! use connect_api::config::ConfigDef;
//! use connect_api::config::FromConfig as _;
//! use connect_api::{TopicName, config_map};
//!
//! /// Reads a file line by line.
//! #[derive(Debug, Clone, ConfigDef)]
//! struct FileSourceConfig {
//!     /// Path to read. Absent means standard input.
//!     #[config(name = "file", importance = high)]
//!     file: Option<PathBuf>,
//!     /// Topic that receives the lines.
//!     #[config(name = "topic", importance = high, validate = non_empty)]
//!     topic: TopicName,
//!     /// The maximum number of records per poll.
//!     #[config(name = "batch.size", default = 2000, importance = low)]
//!     batch_size: i32,
//! }
//!
//! let config = FileSourceConfig::from_config(&config_map! { "topic" => "lines" }).unwrap();
//! assert_eq!((config.file, &*config.topic, config.batch_size), (None, "lines", 2000));
//! let errors = FileSourceConfig::from_config(&config_map! { "batch.size" => "many" }).unwrap_err();
//! assert_eq!(errors.len(), 2);
//! # }
//! ```
//!
//! * [`ConfigProvider`] and [`resolve`] replace variables: `${provider:path:key}`.

mod def;
mod error;
mod field;
mod info;
mod key;
mod map;
mod password;
mod provider;
mod typed;
mod validate;
pub mod validator;
mod value;

#[cfg(feature = "derive")]
pub use connect_derive::ConfigDef;
#[cfg(feature = "derive")]
pub use connect_derive::ConfigEnum;
pub use def::ConfigDef;
pub use def::ConfigDefBuilder;
pub use error::ConfigError;
pub use error::ConfigErrors;
pub use field::ConfigField;
pub use field::ConfigType;
pub use info::ConfigInfo;
pub use info::ConfigInfos;
pub use info::ConfigKeyInfo;
pub use info::ConfigValueInfo;
pub use key::ConfigKey;
pub use key::Importance;
pub use key::Width;
pub use map::ConfigMap;
pub use map::Iter;
pub use password::Password;
pub use provider::ConfigData;
pub use provider::ConfigProvider;
pub use provider::ConfigProviders;
pub use provider::Resolved;
pub use provider::Variable;
pub use provider::resolve;
pub use provider::variables;
pub use typed::ConfigReader;
pub use typed::FromConfig;
pub use validate::ConfigValue;
pub use validate::Validation;
pub use validator::Recommender;
pub use validator::Validator;
pub use value::ParsedConfig;
pub use value::ParsedValue;
