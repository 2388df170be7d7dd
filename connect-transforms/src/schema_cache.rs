//! A cache of what a transform derives from schemas.

use connect_api::Result;
use connect_api::data::SchemaRef;

/// What a transform derived from the schemas that it saw last, mostly other schemas.
///
/// A task sees few schemas, and nearly always the same one in memory as before. A short list, most
/// recently used first and searched by identity, is enough.
#[derive(Debug)]
pub(crate) struct SchemaCache<T = SchemaRef>(Vec<(SchemaRef, T)>);

impl<T: Clone> SchemaCache<T> {
    /// Java's limit.
    const CAPACITY: usize = 16;

    /// Returns what was derived from a schema, or derives it.
    pub(crate) fn get_or_make(
        &mut self,
        from: &SchemaRef,
        make: impl FnOnce(&SchemaRef) -> Result<T>,
    ) -> Result<T> {
        if let Some((known, made)) = self.0.first()
            && known.is_same(from)
        {
            return Ok(made.clone());
        }
        let index = self
            .0
            .iter()
            .position(|(known, _)| known.is_same(from))
            .or_else(|| self.0.iter().position(|(known, _)| known == from));
        let entry = match index {
            // An equal schema. The next record most likely has this one in memory.
            Some(index) => (from.clone(), self.0.remove(index).1),
            None => (from.clone(), make(from)?),
        };
        let made = entry.1.clone();
        self.0.truncate(Self::CAPACITY - 1);
        self.0.insert(0, entry);
        Ok(made)
    }
}

impl<T> Default for SchemaCache<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use connect_api::data::SchemaBuilder;

    use super::*;

    fn named(name: &str) -> SchemaRef {
        SchemaBuilder::string().name(name).build().unwrap()
    }

    #[test]
    fn equal_schemas_share_an_entry() {
        let mut cache = SchemaCache::default();
        let made = cache.get_or_make(&named("a"), |_| Ok(named("b"))).unwrap();
        let again = cache
            .get_or_make(&named("a"), |_| panic!("made again"))
            .unwrap();
        assert!(made.is_same(&again));
    }

    #[test]
    fn the_least_recently_used_schema_is_forgotten() {
        let mut cache = SchemaCache::default();
        let first = named("0");
        for n in 0..16 {
            cache
                .get_or_make(&named(&n.to_string()), |from| Ok(from.clone()))
                .unwrap();
        }
        cache
            .get_or_make(&first, |_| panic!("still known"))
            .unwrap();
        cache
            .get_or_make(&named("new"), |from| Ok(from.clone()))
            .unwrap();
        assert_eq!(cache.0.len(), 16);
        cache
            .get_or_make(&first, |_| panic!("used lately"))
            .unwrap();
        let mut is_made = false;
        cache
            .get_or_make(&named("1"), |from| {
                is_made = true;
                Ok(from.clone())
            })
            .unwrap();
        assert!(is_made);
    }
}
