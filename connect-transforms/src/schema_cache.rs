//! What a transform has made of schemas.

use connect_api::Result;
use connect_api::data::SchemaRef;

/// What a transform has made of the last schemas that it has seen: other schemas, mostly.
///
/// A task sees few schemas, nearly always the same one again in memory, so a short list that is
/// searched by identity first, and moved to the front, is all that is needed.
#[derive(Debug)]
pub(crate) struct SchemaCache<T = SchemaRef>(Vec<(SchemaRef, T)>);

impl<T: Clone> SchemaCache<T> {
    /// As many as Java keeps.
    const CAPACITY: usize = 16;

    /// What was made of a schema; made now if it is not known.
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
            // A schema of the same content: from now on this one in memory is likelier.
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
    fn a_schema_of_the_same_content_is_made_once() {
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
