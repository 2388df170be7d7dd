//! `#[derive(ConfigEnum)]`.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Data;
use syn::DeriveInput;
use syn::Error;
use syn::Fields;
use syn::Result;

use crate::attributes::ignores_case;
use crate::attributes::variant_name;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "only an enum can be a choice of strings",
        ));
    };
    let ignores_case = ignores_case(&input.attrs)?;
    let mut idents = Vec::new();
    let mut names = Vec::new();
    let mut seen = BTreeSet::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(
                variant,
                "a variant with data cannot be a choice",
            ));
        }
        let name = match variant_name(&variant.attrs)? {
            Some(name) => name.value(),
            None => snake_case(&variant.ident.to_string()),
        };
        if !seen.insert(if ignores_case {
            name.to_lowercase()
        } else {
            name.clone()
        }) {
            return Err(Error::new_spanned(
                variant,
                format!("the string \"{name}\" is used twice"),
            ));
        }
        idents.push(&variant.ident);
        names.push(name);
    }
    if names.is_empty() {
        return Err(Error::new_spanned(
            &input.ident,
            "a choice needs at least one variant",
        ));
    }
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    let reason = if ignores_case {
        let upper: Vec<_> = names.iter().map(|name| name.to_uppercase()).collect();
        format!(
            "String must be one of (case insensitive): {}",
            upper.join(", ")
        )
    } else {
        format!("String must be one of: {}", names.join(", "))
    };
    let matches = if ignores_case {
        quote!(text.eq_ignore_ascii_case(name))
    } else {
        quote!(text == name)
    };
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::connect_api::config::ConfigField for #ident #arguments #bounds {
            const TYPE: ::connect_api::config::ConfigType = ::connect_api::config::ConfigType::String;

            fn parse(text: &str) -> ::core::result::Result<Self, ::std::string::String> {
                let text = <::std::string::String as ::connect_api::config::ConfigField>::parse(text)?;
                let matches = |name: &str| #matches;
                #(if matches(#names) {
                    return ::core::result::Result::Ok(Self::#idents);
                })*
                ::core::result::Result::Err(::std::convert::Into::into(#reason))
            }

            fn render(&self) -> ::core::option::Option<::std::string::String> {
                let name = match self {
                    #(Self::#idents => #names,)*
                };
                ::core::option::Option::Some(::std::convert::Into::into(name))
            }
        }
    })
}

/// `drop_invalid` for `DropInvalid`.
fn snake_case(ident: &str) -> String {
    let mut name = String::new();
    for c in ident.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn wrong_input_is_explained() {
        let error = |input: &DeriveInput| expand(input).unwrap_err().to_string();
        assert_eq!(
            error(&parse_quote!(
                struct S;
            )),
            "only an enum can be a choice of strings"
        );
        assert_eq!(
            error(&parse_quote!(
                enum E {
                    A(i32),
                }
            )),
            "a variant with data cannot be a choice"
        );
        assert_eq!(
            error(&parse_quote!(
                enum E {}
            )),
            "a choice needs at least one variant"
        );
        assert_eq!(
            error(&parse_quote!(
                enum E {
                    A,
                    #[config(name = "a")]
                    B,
                }
            )),
            "the string \"a\" is used twice"
        );
    }

    #[test]
    fn words_are_separated() {
        assert_eq!(snake_case("DropInvalid"), "drop_invalid");
        assert_eq!(snake_case("None"), "none");
    }
}
