//! Notices about `topic.creation.*`, the rules by which a source's topics are created.

use connect_api::ConfigMap;
use connect_api::plugin::closest;

use super::Notice;
use super::NoticeKind;
use super::connector::Aliases;
use super::known;

/// Adds notices about the topic creation rules of a source.
pub(super) fn check(config: &ConfigMap, notices: &mut Vec<Notice>) {
    let mut groups = Aliases::of(config, PREFIX, GROUPS);
    groups.listed.push("default");
    for (group, key) in groups.unlisted() {
        let reason = format!("group \"{group}\" is not listed in \"{GROUPS}\"");
        notices.push(Notice::unused(key, reason));
    }
    for group in &groups.listed {
        let prefix = format!("{PREFIX}{group}.");
        for option in config.with_prefix(&prefix).keys() {
            if !is_known(option) {
                let likely = closest(option, RULES.iter().chain(known::TOPIC_OPTIONS).copied());
                let kind = NoticeKind::Unknown {
                    class: None,
                    likely: likely.map(|likely| format!("{prefix}{likely}")),
                };
                notices.push(Notice::new(format!("{prefix}{option}"), kind));
            }
        }
    }
}

fn is_known(option: &str) -> bool {
    RULES.contains(&option)
        || known::TOPIC_OPTIONS.contains(&option)
        // Clusters of this vendor have topic options of their own.
        || option.starts_with("confluent.")
}

pub(super) const PREFIX: &str = "topic.creation.";
const GROUPS: &str = "topic.creation.groups";
const RULES: &[&str] = &["exclude", "include", "partitions", "replication.factor"];
