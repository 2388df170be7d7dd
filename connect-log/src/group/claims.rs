//! What consumer groups may still want to read, so that retention keeps it.
//!
//! A group has a claim on a topic from its first join, commit or
//! [declaration](connect_broker::Broker::declare_group) until seven days after the last of them, or
//! after its last member left. Claims are stored: a group that is away while the log is closed and
//! opened keeps its own.

use std::collections::BTreeMap;

use connect_api::TopicName;
use connect_api::pattern::Pattern;

use crate::format::varint::Reader;
use crate::format::varint::put;
use crate::format::varint::put_bytes;
use crate::format::varint::put_signed;
use crate::group::Interest;
use crate::group::Reads;

/// The claims of all groups.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    groups: BTreeMap<String, GroupClaims>,
}

/// The claims of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupClaims {
    topics: BTreeMap<TopicName, Claim>,
    patterns: Vec<(Pattern, Claim)>,
}

/// A claim on a topic, or on all topics that match a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    /// When the group was last seen, in ms.
    seen: i64,
    /// True if the group starts at the first record of partitions that it has not committed.
    from_start: bool,
}

impl Claims {
    /// The claims of a group.
    pub(crate) fn get(&self, group: &str) -> Option<&GroupClaims> {
        self.groups.get(group)
    }

    /// All groups with their claims.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &GroupClaims)> {
        self.groups.iter()
    }

    /// Replaces the claims of a group; without any, the group is forgotten.
    pub(crate) fn set(&mut self, group: String, claims: GroupClaims) {
        if claims.is_empty() {
            self.groups.remove(&group);
        } else {
            self.groups.insert(group, claims);
        }
    }
}

impl GroupClaims {
    /// True if the group claims nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.patterns.is_empty()
    }

    /// True if claiming an interest now would change nothing that matters.
    pub(crate) fn has(&self, interest: &Interest, now: i64) -> bool {
        let has = |claim: Option<&Claim>| {
            claim.is_some_and(|c| c.is_fresh(now) && c.from_start == interest.from_start)
        };
        match &interest.reads {
            Reads::Pattern(pattern) => has(self.pattern(pattern)),
            Reads::Topics(topics) => topics.iter().all(|topic| has(self.topics.get(topic))),
        }
    }

    /// Claims what a group is interested in.
    pub(crate) fn add(&mut self, interest: &Interest, now: i64) {
        let claim = Claim {
            seen: now,
            from_start: interest.from_start,
        };
        match &interest.reads {
            Reads::Pattern(pattern) => {
                self.patterns.retain(|(other, _)| other != pattern);
                self.patterns.push((pattern.clone(), claim));
            }
            Reads::Topics(topics) => {
                self.topics
                    .extend(topics.iter().map(|topic| (topic.clone(), claim)));
            }
        }
    }

    /// True if a commit for a topic would change nothing that matters.
    pub(crate) fn has_topic(&self, topic: &TopicName, now: i64) -> bool {
        self.on(topic).any(|claim| claim.is_fresh(now))
    }

    /// Claims a topic for which the group has committed an offset.
    pub(crate) fn add_topic(&mut self, topic: &TopicName, now: i64) {
        let claim = self.topics.entry(topic.clone()).or_insert(Claim {
            seen: now,
            from_start: false,
        });
        claim.seen = now;
    }

    /// Whether the group claims a topic; if so, whether it starts at the first record where it has
    /// no committed offset.
    pub(crate) fn claims(&self, topic: &TopicName, now: i64) -> Option<bool> {
        let known = self.on(topic).filter(|claim| claim.is_known(now));
        known
            .map(|claim| claim.from_start)
            .reduce(|one, other| one || other)
    }

    /// True if some claims are over.
    pub(crate) fn is_outdated(&self, now: i64) -> bool {
        let mut claims = self
            .topics
            .values()
            .chain(self.patterns.iter().map(|(_, claim)| claim));
        claims.any(|claim| !claim.is_known(now))
    }

    /// Removes the claims that are over.
    pub(crate) fn remove_outdated(&mut self, now: i64) {
        self.topics.retain(|_, claim| claim.is_known(now));
        self.patterns.retain(|(_, claim)| claim.is_known(now));
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.topics.len() as u64);
        let topics = self
            .topics
            .iter()
            .map(|(name, claim)| (name.as_str(), claim));
        let patterns = self.patterns.iter().map(|(p, claim)| (p.as_str(), claim));
        for (text, claim) in topics.chain(patterns) {
            put_bytes(&mut out, text.as_bytes());
            put_signed(&mut out, claim.seen);
            put(&mut out, u64::from(claim.from_start));
        }
        out
    }

    /// Reads the stored form.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let mut claims = Self::default();
        for _ in 0..reader.varint()? {
            let name = TopicName::new(reader.text()?);
            claims.topics.insert(name, Claim::decode(reader)?);
        }
        while !reader.is_empty() {
            let text = reader.text()?;
            let claim = Claim::decode(reader)?;
            match Pattern::new(text) {
                Ok(pattern) => claims.patterns.push((pattern, claim)),
                // Its group declares it again, or is refused by name.
                Err(error) => tracing::warn!(%error, "a stored claim is dropped"),
            }
        }
        Some(claims)
    }

    fn pattern(&self, pattern: &Pattern) -> Option<&Claim> {
        let mut patterns = self.patterns.iter();
        patterns
            .find(|(other, _)| other == pattern)
            .map(|(_, claim)| claim)
    }

    /// All claims on a topic.
    fn on(&self, topic: &TopicName) -> impl Iterator<Item = &Claim> {
        let matching = self
            .patterns
            .iter()
            // In doubt, records are kept.
            .filter(move |(pattern, _)| pattern.matches(topic).unwrap_or(true))
            .map(|(_, claim)| claim);
        self.topics.get(topic).into_iter().chain(matching)
    }
}

impl Claim {
    fn is_fresh(&self, now: i64) -> bool {
        (0..REFRESH_MS).contains(&now.saturating_sub(self.seen))
    }

    fn is_known(&self, now: i64) -> bool {
        now.saturating_sub(self.seen) <= KNOWN_MS
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            seen: reader.signed()?,
            from_start: reader.varint()? != 0,
        })
    }
}

/// How long a group keeps its claims after it was last seen: seven days, as the committed offsets
/// of a group without members on Kafka.
const KNOWN_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// How old a claim may become before it is stored again.
const REFRESH_MS: i64 = 60 * 60 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn topics(names: &[&str]) -> Interest {
        Interest {
            reads: Reads::Topics(names.iter().map(|name| TopicName::new(*name)).collect()),
            from_start: true,
        }
    }

    fn pattern(text: &str) -> Interest {
        Interest {
            reads: Reads::Pattern(Pattern::new(text).unwrap()),
            from_start: false,
        }
    }

    #[test]
    fn a_claim_ends_seven_days_after_the_group_was_last_seen() {
        let mut claims = GroupClaims::default();
        claims.add(&topics(&["a"]), 0);
        claims.add_topic(&"b".into(), 3 * DAY);
        for (day, a, b) in [
            (0, Some(true), Some(false)),
            (7, Some(true), Some(false)),
            (8, None, Some(false)),
            (11, None, None),
        ] {
            assert_eq!(claims.claims(&"a".into(), day * DAY), a, "day {day}");
            assert_eq!(claims.claims(&"b".into(), day * DAY), b, "day {day}");
        }
        assert!(!claims.is_outdated(7 * DAY) && claims.is_outdated(8 * DAY));
        claims.remove_outdated(11 * DAY);
        assert!(claims.is_empty());
    }

    #[test]
    fn a_claim_is_stored_again_only_if_it_is_old_or_says_something_else() {
        let mut claims = GroupClaims::default();
        claims.add(&topics(&["a"]), 0);
        claims.add(&pattern("b.*"), 0);
        let hour = 60 * 60 * 1000;
        for (interest, now, has) in [
            (topics(&["a"]), hour - 1, true),
            (topics(&["a"]), hour, false),
            (topics(&["a"]), -1, false),
            (topics(&["a", "b"]), 0, false),
            (pattern("b.*"), 0, true),
            (pattern("c"), 0, false),
        ] {
            assert_eq!(claims.has(&interest, now), has, "{interest:?} at {now}");
        }
        assert!(claims.has_topic(&"b1".into(), 0) && !claims.has_topic(&"c".into(), 0));
    }

    #[test]
    fn claims_are_read_as_they_were_written() {
        let mut claims = GroupClaims::default();
        claims.add(&topics(&["a", "c"]), 5);
        claims.add(&pattern("(?!x).*"), -7);
        let bytes = claims.encode();
        assert_eq!(GroupClaims::decode(&mut Reader::new(&bytes)), Some(claims));
        let cut = bytes.get(..bytes.len() - 1).unwrap();
        assert_eq!(GroupClaims::decode(&mut Reader::new(cut)), None);
    }
}
