//! Derive macros for typed configurations; documented and re-exported by `connect_api::config`.

use proc_macro::TokenStream;
use syn::DeriveInput;
use syn::parse_macro_input;

mod attributes;
mod config_def;
mod config_enum;

/// Derives `FromConfig`: the definition of a configuration and the way to read it, from a struct.
///
/// Each field is one key. Its type says what texts are legal (see `ConfigField`), its doc comment
/// documents the key, and `#[config(...)]` says the rest:
///
/// | attribute | meaning | without it |
/// | --- | --- | --- |
/// | `name = "batch.size"` | the key | the field name with dots for underscores |
/// | `default = 2000` | the value if the key is absent: a literal is parsed as the user's text would be, any other expression is converted into the field's type | required, or null for an `Option` |
/// | `importance = high` | `high`, `medium` or `low` | `medium` |
/// | `validate = ...` | a shorthand or any expression that is a `Validator` | no check |
/// | `group = "Common"` | the group | that of the struct: `#[config(group = "...")]` before it |
/// | `order = 3` | the place in the group | counted from 1 in each group |
/// | `width = long` | `none`, `short`, `medium` or `long` | `none` |
/// | `display = "Batch size"` | the name that tools show | the key |
/// | `dependents("a", "b")` | keys whose recommendations depend on this one | none |
/// | `recommender = ...` | an expression that is a `Recommender` | none |
/// | `internal` | the key is not for users | it is |
///
/// `#[config(open = "http.header.")]` before the struct allows any key under that prefix; see
/// `ConfigDef::open`. It may stand there more than once.
///
/// Shorthands for `validate` are the functions of `connect_api::config::validator`, without a path:
/// `non_empty`, `non_null`, `non_empty_without_control_chars`, `at_least(1)`, `at_most(9)`,
/// `between(1, 9)`, `one_of("a", "b")`, `one_of_ignore_case("a", "b")`, `list_of("a", "b")`,
/// `non_empty_list_of("a", "b")`, `at_most_of_size(3)`, `any_non_duplicate(true, false)`, and
/// `range(min = 1, max = 9)` of which one bound may be left out. To name an own function like one
/// of these, write its path: `self::non_empty()`.
///
/// A default that is not legal panics when the definition is first used, so one test that calls
/// `config_def()` is enough to find it.
#[proc_macro_derive(ConfigDef, attributes(config))]
pub fn derive_config_def(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    config_def::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `ConfigField` for an enum without data: each variant is one legal text.
///
/// The text of a variant is its name in lower case with underscores between words, or
/// `#[config(name = "...")]`. With `#[config(ignore_case)]` before the enum, case does not count.
#[proc_macro_derive(ConfigEnum, attributes(config))]
pub fn derive_config_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    config_enum::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
