//! Derive macros for typed configurations; documented and re-exported by `connect_api::config`.

use proc_macro::TokenStream;
use syn::DeriveInput;
use syn::parse_macro_input;

mod attributes;
mod config_def;
mod config_enum;

/// Derives `FromConfig` for a struct: the definition of a configuration and the code that reads it.
///
/// Each field is one key. The type of the field determines the valid values (see `ConfigField`), its
/// doc comment is the documentation of the key, and `#[config(...)]` sets everything else:
///
/// | attribute | meaning | without it |
/// | --- | --- | --- |
/// | `name = "batch.size"` | the key | the field name with dots for underscores |
/// | `default = 2000` | the default value: a literal is parsed like the value of a user, any other expression is converted into the field's type | required, or null for an `Option` |
/// | `importance = high` | `high`, `medium` or `low` | `medium` |
/// | `validate = ...` | a shorthand or any expression that is a `Validator` | no validator |
/// | `group = "Common"` | the group | that of the struct: `#[config(group = "...")]` before it |
/// | `order = 3` | the order in the group | counted from 1 in each group |
/// | `width = long` | `none`, `short`, `medium` or `long` | `none` |
/// | `display = "Batch size"` | the name that tools show | the key |
/// | `dependents("a", "b")` | keys whose recommendations depend on this one | none |
/// | `recommender = ...` | an expression that is a `Recommender` | none |
/// | `internal` | users should not set the key | they may |
///
/// `#[config(open = "http.header.")]` before the struct allows any key under that prefix; see
/// `ConfigDef::open`. It may stand there more than once.
///
/// The shorthands for `validate` are functions of `connect_api::config::validator` without a path:
/// `non_empty`, `non_null`, `non_empty_without_control_chars`, `pattern`, `at_least(1)`, `at_most(9)`,
/// `between(1, 9)`, `one_of("a", "b")`, `one_of_ignore_case("a", "b")`, `list_of("a", "b")`,
/// `non_empty_list_of("a", "b")`, `at_most_of_size(3)`, `any_non_duplicate(true, false)`, and
/// `range(min = 1, max = 9)`, where one bound may be left out. To call your own function with one of
/// these names, write its path: `self::non_empty()`.
///
/// An invalid default panics when the definition is first used, so a test that calls `config_def()`
/// finds it.
#[proc_macro_derive(ConfigDef, attributes(config))]
pub fn derive_config_def(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    config_def::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `ConfigField` for an enum without data. Each variant is one valid string.
///
/// The string of a variant is its name in snake case, or `#[config(name = "...")]`. With
/// `#[config(ignore_case)]` on the enum, case is ignored.
#[proc_macro_derive(ConfigEnum, attributes(config))]
pub fn derive_config_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    config_enum::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
