//! Transforms change single records, predicates select them.

use crate::Result;
use crate::config::ConfigDef;
use crate::config::ConfigMap;
use crate::record::Origin;
use crate::record::Record;

/// Changes a record, or drops it.
///
/// # Contract
///
/// There is one instance per task and alias, and calls never overlap. A record is passed by value
/// and may be changed in place. `apply` must not block and must not do I/O.
///
/// # Example
///
/// ```
/// use connect_api::config::{ConfigDef, ConfigMap};
/// use connect_api::data::{Datum, Value};
/// use connect_api::record::{Origin, Record, SourceOffset, SourcePartition};
/// use connect_api::{Result, Transform};
///
/// /// Drops empty lines and trims the others.
/// #[derive(Debug, Default)]
/// struct Trim(ConfigDef);
///
/// impl Transform for Trim {
///     fn config_def(&self) -> &ConfigDef {
///         &self.0
///     }
///     fn configure(&mut self, _: &ConfigMap) -> Result<()> {
///         Ok(())
///     }
///     fn apply(&mut self, mut record: Record, _: Origin<'_>) -> Result<Option<Record>> {
///         let Value::String(line) = &record.value.value else { return Ok(Some(record)) };
///         let trimmed = line.trim();
///         if trimmed.is_empty() {
///             return Ok(None);
///         }
///         record.value.value = trimmed.into();
///         Ok(Some(record))
///     }
/// }
///
/// let origin = Origin::Source { partition: &SourcePartition::null(), offset: &SourceOffset::default() };
/// let kept = Trim::default().apply(Record::new("t", Datum::string(" a ")), origin)?.unwrap();
/// assert_eq!(kept.value.value.as_str(), Some("a"));
/// # Ok::<(), connect_api::Error>(())
/// ```
///
/// *Misuse*: returning a record unchanged because its shape is not the expected one. Return
/// [`Error::data`](crate::Error::data) instead; users select records with predicates.
#[doc(alias = "Transformation")]
pub trait Transform: Send + 'static {
    /// The options of the plugin, without their prefix.
    fn config_def(&self) -> &ConfigDef;

    /// Configures the plugin with its options, without their prefix. Called once, before any other
    /// call.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a wrong option.
    fn configure(&mut self, config: &ConfigMap) -> Result<()>;

    /// Changes a record; `None` drops it. A dropped record counts as delivered.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for a record that cannot be changed. The
    /// connector's error tolerance decides what happens.
    fn apply(&mut self, record: Record, origin: Origin<'_>) -> Result<Option<Record>>;
}

/// Selects the records that a transform applies to.
///
/// There is one instance per task and alias, and calls never overlap.
///
/// # Example
///
/// ```
/// use connect_api::config::{ConfigDef, ConfigMap};
/// use connect_api::data::Datum;
/// use connect_api::record::{Origin, Record, SourceOffset, SourcePartition};
/// use connect_api::{Predicate, Result};
///
/// /// True for records without a key.
/// #[derive(Debug, Default)]
/// struct HasNoKey(ConfigDef);
///
/// impl Predicate for HasNoKey {
///     fn config_def(&self) -> &ConfigDef {
///         &self.0
///     }
///     fn configure(&mut self, _: &ConfigMap) -> Result<()> {
///         Ok(())
///     }
///     fn test(&mut self, record: &Record, _: Origin<'_>) -> Result<bool> {
///         Ok(record.key.value.is_null())
///     }
/// }
///
/// let origin = Origin::Source { partition: &SourcePartition::null(), offset: &SourceOffset::default() };
/// assert!(HasNoKey::default().test(&Record::new("t", Datum::string("v")), origin)?);
/// # Ok::<(), connect_api::Error>(())
/// ```
///
/// *Misuse*: counting records to select every n-th one. A record that is delivered again is tested
/// again.
pub trait Predicate: Send + 'static {
    /// The options of the plugin, without their prefix.
    fn config_def(&self) -> &ConfigDef;

    /// Configures the plugin with its options, without their prefix. Called once, before any other
    /// call.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a wrong option.
    fn configure(&mut self, config: &ConfigMap) -> Result<()>;

    /// Returns true if the transform applies to the record.
    ///
    /// # Errors
    /// Treated as an error of the transform.
    fn test(&mut self, record: &Record, origin: Origin<'_>) -> Result<bool>;
}
