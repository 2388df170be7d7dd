//! Class names in a configuration, and errors for unknown ones.

use connect_api::Error;
use connect_api::PluginRegistry;
use connect_api::Result;
use connect_api::plugin::PluginKind;
use connect_api::plugin::closest;

use crate::config::hint::cleaned;

/// Looks up a class name of a configuration.
///
/// # Errors
/// [`ErrorKind::Config`](connect_api::ErrorKind::Config) naming the option, the class and the class
/// that was probably meant.
pub(crate) fn class_of<'a, T>(
    registry: &'a PluginRegistry,
    kind: PluginKind,
    key: &str,
    class: &str,
    find: impl FnOnce(&'a PluginRegistry, &str) -> Result<T>,
) -> Result<T> {
    find(registry, class).map_err(|error| {
        let names = classes(registry, kind);
        let reason = if names.iter().filter(|names| names.has(class)).count() > 1 {
            error.to_string()
        } else {
            // In Java's words first, which clients compare.
            format!("Class {class} could not be found.{}", advice(&names, class))
        };
        Error::config(format!(
            "Invalid value {class} for configuration {key}: {reason}"
        ))
    })
}

/// The names of a plugin.
struct Names<'a> {
    class: &'a str,
    simple: &'a str,
    short: &'a str,
}

impl Names<'_> {
    fn has(&self, name: &str) -> bool {
        [self.class, self.simple, self.short].contains(&name.trim())
    }
}

fn classes(registry: &PluginRegistry, kind: PluginKind) -> Vec<Names<'_>> {
    let plugins = registry.list().into_iter();
    let plugins = plugins.filter(|(other, _)| *other == kind);
    plugins
        .map(|(_, info)| Names {
            class: info.class(),
            simple: info.simple_name(),
            short: info.short_name(kind),
        })
        .collect()
}

fn advice(names: &[Names<'_>], class: &str) -> String {
    let class = cleaned(class);
    // A class without its nested one: `HoistField` for `HoistField$Value`.
    let nested: Vec<&str> = names
        .iter()
        .filter(|names| {
            let outer = |name: &str| {
                name.split_once('$')
                    .is_some_and(|(outer, _)| outer == class)
            };
            outer(names.class) || outer(names.simple)
        })
        .map(|names| names.class)
        .collect();
    if !nested.is_empty() {
        return format!(" Did you mean {}?", nested.join(" or "));
    }
    let all = || names.iter().flat_map(|it| [it.class, it.simple, it.short]);
    let likely = closest(class, all());
    let likely = likely.and_then(|name| names.iter().find(|names| names.has(name)));
    match likely {
        Some(names) => format!(" Did you mean {}?", names.class),
        None if names.is_empty() => String::new(),
        None => {
            let known: Vec<_> = names.iter().map(|names| names.short).collect();
            format!(" Known are {}.", known.join(", "))
        }
    }
}

#[cfg(all(test, feature = "builtin"))]
mod tests {
    use super::*;

    fn refusal(class: &str) -> String {
        let (registry, kind) = (crate::plugins(), PluginKind::Transform);
        let found = class_of(&registry, kind, "transforms.t.type", class, |it, name| {
            it.find_transform(name).map(drop)
        });
        found.map_or_else(|error| error.to_string(), |()| "found".into())
    }

    #[test]
    fn the_likely_class_follows_the_words_of_java() {
        let java = |class: &str| {
            format!(
                "Invalid value {class} for configuration transforms.t.type: Class {class} could \
                 not be found. "
            )
        };
        let package = "org.apache.kafka.connect.transforms.";
        for (class, advice) in [
            ("Filtre", format!("Did you mean {package}Filter?")),
            (
                "HoistField",
                format!("Did you mean {package}HoistField$Key or {package}HoistField$Value?"),
            ),
            (
                "Cast$Value # casts",
                format!("Did you mean {package}Cast$Value?"),
            ),
            (
                "\"Cast$Value\"",
                format!("Did you mean {package}Cast$Value?"),
            ),
            (
                "Cast$Value\u{200b}",
                format!("Did you mean {package}Cast$Value?"),
            ),
        ] {
            assert_eq!(refusal(class), java(class) + &advice);
        }
        assert!(refusal("com.example.Route").contains(" Known are Cast$Key, "));
    }

    #[test]
    fn white_space_around_a_class_does_not_count() {
        assert_eq!(refusal(" Filter\t"), "found");
    }
}
