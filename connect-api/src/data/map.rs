//! Maps from any value to any value.

use std::hash::Hash;
use std::hash::Hasher;

use crate::data::Value;

/// A map that keeps the order of insertion.
///
/// Two maps are equal if they have the same entries in any order. Lookups are linear.
///
/// ```
/// use connect_api::data::{Value, ValueMap};
///
/// let mut map = ValueMap::new();
/// map.insert("b", 1);
/// map.insert("a", 2);
/// map.insert("b", 3);
/// assert_eq!(map.get("b"), Some(&Value::Int32(3)));
/// assert_eq!(map.keys().next(), Some(&Value::from("b")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ValueMap(Vec<(Value, Value)>);

impl ValueMap {
    /// Creates an empty map without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Creates an empty map with room for entries.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Inserts an entry and returns the value that it replaces. A replaced entry keeps its place.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(other, _)| *other == key) {
            Some((_, slot)) => Some(std::mem::replace(slot, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// Appends an entry whose key is known to be new, for decoders.
    pub fn push_unique(&mut self, key: Value, value: Value) {
        self.0.push((key, value));
    }

    /// The value of a string key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(other, _)| other.as_str() == Some(key))
            .map(|(_, value)| value)
    }

    /// The value of any key.
    #[must_use]
    pub fn get_value(&self, key: &Value) -> Option<&Value> {
        self.0
            .iter()
            .find(|(other, _)| other == key)
            .map(|(_, value)| value)
    }

    /// Removes the entry of a string key.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self
            .0
            .iter()
            .position(|(other, _)| other.as_str() == Some(key))?;
        Some(self.0.remove(index).1)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Entries in order of insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Value, &Value)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Entries in order of insertion, with mutable values.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Value, &mut Value)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Keys in order of insertion.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Value> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values in order of insertion.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + Clone {
        self.0.iter().map(|(_, value)| value)
    }
}

impl PartialEq for ValueMap {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.0.iter().zip(&other.0).all(|(a, b)| {
                a == b || {
                    // Not in the same order: compare as sets of entries.
                    self.0
                        .iter()
                        .all(|(key, value)| other.get_value(key) == Some(value))
                }
            })
    }
}

impl Eq for ValueMap {}

impl Hash for ValueMap {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Independent of order, as equality is.
        let mut sum = 0u64;
        for (key, value) in &self.0 {
            let mut hasher = std::hash::DefaultHasher::new();
            key.hash(&mut hasher);
            value.hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
        }
        state.write_u64(sum);
        state.write_usize(self.len());
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for ValueMap {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl IntoIterator for ValueMap {
    type Item = (Value, Value);
    type IntoIter = std::vec::IntoIter<(Value, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_ignores_order() {
        let a: ValueMap = [("x", 1), ("y", 2)].into_iter().collect();
        let b: ValueMap = [("y", 2), ("x", 1)].into_iter().collect();
        let c: ValueMap = [("y", 2), ("x", 3)].into_iter().collect();
        assert_eq!(a, b);
        assert_ne!(a, c);
    }
}
