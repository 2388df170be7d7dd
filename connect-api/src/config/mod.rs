//! Configurations: text in, definitions and typed structs on top.
//!
//! Decisions that live here: what a text means for each type, what is an error and how it is
//! worded, and which texts must never be printed. The words are Kafka's, because users look them
//! up and tools compare them.
//!
//! * [`ConfigMap`] is a configuration as text, with secrets marked.
//! * [`ConfigDef`](struct@ConfigDef) says what keys there are; [`validate`](struct@ConfigDef#method.validate) finds every error of every
//!   key, and [`ConfigInfos`] is the REST form of the outcome.
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
//!     /// Upper bound of records per poll.
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
//! * [`ConfigProvider`] and [`resolve`] replace `${provider:path:key}`.

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
