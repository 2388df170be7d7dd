//! Names of connectors and tasks.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The name of a connector. A clone is one reference count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectorName(Arc<str>);

impl ConnectorName {
    /// Makes a name from text.
    #[must_use]
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(Arc::from(name.as_ref()))
    }
}

impl Deref for ConnectorName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ConnectorName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ConnectorName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for ConnectorName {
    fn from(name: String) -> Self {
        Self(Arc::from(name))
    }
}

impl fmt::Display for ConnectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ConnectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One task of a connector. Displays as Kafka Connect prints it: `name-0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "ConnectorTaskId")]
pub struct TaskId {
    /// The connector.
    pub connector: ConnectorName,
    /// The number of the task, from 0.
    pub index: usize,
}

impl TaskId {
    /// Names a task.
    #[must_use]
    pub fn new(connector: impl Into<ConnectorName>, index: usize) -> Self {
        Self {
            connector: connector.into(),
            index,
        }
    }

    /// Reads what it displays. Names may contain dashes: the last one counts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (connector, index) = text.rsplit_once('-')?;
        let index: u32 = index.parse().ok()?;
        Some(Self::new(connector, usize::try_from(index).ok()?))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.index)
    }
}
