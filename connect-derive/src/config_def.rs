//! `#[derive(ConfigDef)]`.

use std::collections::BTreeMap;

use proc_macro2::Ident;
use proc_macro2::Span;
use proc_macro2::TokenStream;
use quote::ToTokens;
use quote::format_ident;
use quote::quote;
use quote::quote_spanned;
use syn::Data;
use syn::DeriveInput;
use syn::Error;
use syn::Expr;
use syn::ExprCall;
use syn::Field;
use syn::Fields;
use syn::GenericArgument;
use syn::Lit;
use syn::PathArguments;
use syn::Result;
use syn::Type;
use syn::UnOp;
use syn::spanned::Spanned;

use crate::attributes::FieldAttributes;
use crate::attributes::StructAttributes;
use crate::attributes::documentation;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "only a struct can be a configuration",
        ));
    };
    let named = match &data.fields {
        Fields::Named(fields) => &fields.named,
        Fields::Unnamed(_) | Fields::Unit => {
            return Err(Error::new_spanned(
                &input.ident,
                "a configuration needs named fields",
            ));
        }
    };
    if let Some(parameter) = input.generics.params.first() {
        return Err(Error::new_spanned(
            parameter,
            "a configuration cannot have type parameters",
        ));
    }
    let StructAttributes { group, open } = StructAttributes::parse(&input.attrs)?;
    let mut groups = Groups {
        default: group.map(|name| name.value()),
        next: BTreeMap::new(),
    };
    let mut names = BTreeMap::new();
    let mut fields = Vec::new();
    for field in named {
        let field = ConfigField::parse(field, &mut groups)?;
        if names.insert(field.name.clone(), ()).is_some() {
            let message = format!("the key \"{}\" is defined twice", field.name);
            return Err(Error::new(field.span, message));
        }
        fields.push(field);
    }
    let ident = &input.ident;
    let keys = fields.iter().map(|field| &field.key);
    let key_names = fields.iter().map(|field| &field.name);
    let idents: Vec<_> = fields.iter().map(|field| field.ident).collect();
    let locals: Vec<_> = (0..fields.len())
        .map(|i| format_ident!("field_{i}"))
        .collect();
    let types = fields.iter().map(|field| field.ty);
    Ok(quote! {
        #[automatically_derived]
        impl ::connect_api::config::FromConfig for #ident {
            fn config_def() -> &'static ::connect_api::config::ConfigDef {
                static DEF: ::std::sync::LazyLock<::connect_api::config::ConfigDef> =
                    ::std::sync::LazyLock::new(|| {
                        ::connect_api::config::ConfigDef::builder()
                            #(.key(#keys))*
                            #(.open(#open))*
                            .build()
                    });
                &DEF
            }

            fn from_config(
                config: &::connect_api::config::ConfigMap,
            ) -> ::core::result::Result<Self, ::connect_api::config::ConfigErrors> {
                let def = <Self as ::connect_api::config::FromConfig>::config_def();
                #[allow(unused_mut)]
                let mut reader = ::connect_api::config::ConfigReader::new(def, config);
                #(let #locals = reader.read::<#types>(#key_names);)*
                match (#(#locals,)*) {
                    (#(::core::option::Option::Some(#locals),)*) => {
                        ::core::result::Result::Ok(Self { #(#idents: #locals,)* })
                    }
                    #[allow(unreachable_patterns)]
                    _ => ::core::result::Result::Err(reader.into_errors()),
                }
            }
        }
    })
}

/// Counts the keys of each group.
struct Groups {
    default: Option<String>,
    next: BTreeMap<String, i32>,
}

impl Groups {
    fn place(&mut self, attributes: &FieldAttributes) -> Result<Option<(String, i32)>> {
        let own = attributes.group.as_ref().map(syn::LitStr::value);
        let Some(group) = own.or_else(|| self.default.clone()) else {
            return match &attributes.order {
                Some(order) => Err(Error::new_spanned(order, "an order needs a group")),
                None => Ok(None),
            };
        };
        let next = self.next.entry(group.clone()).or_insert(1);
        let order = match &attributes.order {
            Some(order) => order.base10_parse()?,
            None => *next,
        };
        *next = order + 1;
        Ok(Some((group, order)))
    }
}

/// A field and the expression of its key.
struct ConfigField<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    name: String,
    span: Span,
    key: TokenStream,
}

impl<'a> ConfigField<'a> {
    fn parse(field: &'a Field, groups: &mut Groups) -> Result<Self> {
        let Some(ident) = &field.ident else {
            return Err(Error::new_spanned(
                field,
                "a configuration needs named fields",
            ));
        };
        let ty = &field.ty;
        let attributes = FieldAttributes::parse(&field.attrs)?;
        let span = attributes
            .name
            .as_ref()
            .map_or_else(|| ident.span(), syn::LitStr::span);
        let name = match &attributes.name {
            Some(name) => name.value(),
            None => ident.to_string().trim_start_matches("r#").replace('_', "."),
        };
        if name.trim().is_empty() {
            return Err(Error::new(span, "a key must not be empty"));
        }
        let documentation = documentation(&field.attrs);
        let mut key =
            quote_spanned! {ty.span()=> ::connect_api::config::ConfigKey::of::<#ty>(#name) };
        key.extend(quote!(.documentation(#documentation)));
        if let Some(default) = &attributes.default {
            let default = default_value(default, ty)?;
            key.extend(quote!(.default(#default)));
        }
        if let Some(importance) = &attributes.importance {
            let variant = variant(importance);
            key.extend(quote!(.importance(::connect_api::config::Importance::#variant)));
        }
        if let Some(validator) = &attributes.validate {
            let validator = validator_expr(validator)?;
            key.extend(quote!(.validator(#validator)));
        }
        if let Some((group, order)) = groups.place(&attributes)? {
            key.extend(quote!(.group(#group, #order)));
        }
        if let Some(width) = &attributes.width {
            let variant = variant(width);
            key.extend(quote!(.width(::connect_api::config::Width::#variant)));
        }
        if let Some(display) = &attributes.display {
            key.extend(quote!(.display_name(#display)));
        }
        if !attributes.dependents.is_empty() {
            let dependents = &attributes.dependents;
            key.extend(quote!(.dependents([#(#dependents),*])));
        }
        if let Some(recommender) = &attributes.recommender {
            key.extend(quote!(.recommender(#recommender)));
        }
        if attributes.is_internal {
            key.extend(quote!(.internal()));
        }
        Ok(Self {
            ident,
            ty,
            name,
            span,
            key,
        })
    }
}

/// The default as a string: a literal as a user would write it, any other expression formatted by the
/// field's type.
fn default_value(default: &Expr, ty: &Type) -> Result<TokenStream> {
    if let Some((literal, text)) = literal_text(default) {
        check_literal(literal, default, ty)?;
        return Ok(text.into_token_stream());
    }
    Ok(quote_spanned! {default.span()=> {
        let value: #ty = ::core::convert::Into::into(#default);
        ::connect_api::config::ConfigField::render(&value)
    }})
}

fn literal_text(expr: &Expr) -> Option<(&Lit, String)> {
    match expr {
        Expr::Lit(literal) => {
            let text = match &literal.lit {
                Lit::Bool(value) => value.value.to_string(),
                Lit::Float(value) => value.base10_digits().into(),
                Lit::Int(value) => value.base10_digits().into(),
                Lit::Str(value) => value.value(),
                _ => return None,
            };
            Some((&literal.lit, text))
        }
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            let (literal, text) = literal_text(&unary.expr)?;
            matches!(literal, Lit::Int(_) | Lit::Float(_)).then(|| (literal, format!("-{text}")))
        }
        _ => None,
    }
}

/// Refuses literals that cannot be defaults of well-known types.
fn check_literal(literal: &Lit, default: &Expr, ty: &Type) -> Result<()> {
    let Some(name) = type_name(ty) else {
        return Ok(());
    };
    let (is_legal, expected) = match name.as_str() {
        "bool" => (matches!(literal, Lit::Bool(_)), "true or false"),
        "f64" => (matches!(literal, Lit::Float(_) | Lit::Int(_)), "a number"),
        "i16" | "i32" | "i64" | "Duration" => (matches!(literal, Lit::Int(_)), "a whole number"),
        "Password" | "PathBuf" | "String" | "Text" | "TopicName" | "Vec" => {
            (matches!(literal, Lit::Str(_)), "a text")
        }
        _ => (true, ""),
    };
    if is_legal {
        return Ok(());
    }
    Err(Error::new_spanned(
        default,
        format!("the default of a {name} is {expected}"),
    ))
}

/// The last segment of a type, or of the type in an `Option`.
fn type_name(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) if segment.ident == "Option" => {
            match arguments.args.first()? {
                GenericArgument::Type(inner) => type_name(inner),
                _ => None,
            }
        }
        _ => Some(segment.ident.to_string()),
    }
}

/// Expands a shorthand to its path, or returns the expression.
fn validator_expr(expr: &Expr) -> Result<TokenStream> {
    const PLAIN: &[&str] = &[
        "non_empty",
        "non_empty_without_control_chars",
        "non_null",
        "pattern",
    ];
    const TEXTS: &[&str] = &[
        "list_of",
        "non_empty_list_of",
        "one_of",
        "one_of_ignore_case",
    ];
    const VALUES: &[&str] = &[
        "any_non_duplicate",
        "at_least",
        "at_most",
        "at_most_of_size",
        "between",
    ];
    let named = |names: &[&str], ident: &Ident| names.iter().any(|name| ident == name);
    match expr {
        Expr::Path(path) => match path.path.get_ident() {
            Some(ident) if named(PLAIN, ident) => {
                Ok(quote!(::connect_api::config::validator::#ident()))
            }
            Some(ident) if named(TEXTS, ident) || named(VALUES, ident) || ident == "range" => Err(
                Error::new_spanned(ident, format!("{ident} needs arguments: {ident}(..)")),
            ),
            _ => Ok(expr.into_token_stream()),
        },
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else {
                return Ok(expr.into_token_stream());
            };
            let args = &call.args;
            match function.path.get_ident() {
                Some(ident) if ident == "range" => range(call),
                Some(ident) if named(TEXTS, ident) => {
                    Ok(quote!(::connect_api::config::validator::#ident([#args])))
                }
                Some(ident) if named(VALUES, ident) || named(PLAIN, ident) => {
                    Ok(quote!(::connect_api::config::validator::#ident(#args)))
                }
                _ => Ok(expr.into_token_stream()),
            }
        }
        _ => Ok(expr.into_token_stream()),
    }
}

/// `range(min = 1, max = 9)`.
fn range(call: &ExprCall) -> Result<TokenStream> {
    let mut min = None;
    let mut max = None;
    for argument in &call.args {
        let expected = || Error::new_spanned(argument, "expected min = .. or max = ..");
        let Expr::Assign(assign) = argument else {
            return Err(expected());
        };
        let Expr::Path(bound) = &*assign.left else {
            return Err(expected());
        };
        let slot = match bound.path.get_ident() {
            Some(ident) if ident == "min" => &mut min,
            Some(ident) if ident == "max" => &mut max,
            _ => return Err(expected()),
        };
        if slot.replace(&assign.right).is_some() {
            return Err(Error::new_spanned(argument, "this bound is set twice"));
        }
    }
    match (min, max) {
        (Some(min), Some(max)) => Ok(quote!(::connect_api::config::validator::between(#min, #max))),
        (Some(min), None) => Ok(quote!(::connect_api::config::validator::at_least(#min))),
        (None, Some(max)) => Ok(quote!(::connect_api::config::validator::at_most(#max))),
        (None, None) => Err(Error::new_spanned(call, "a range needs min, max or both")),
    }
}

/// The variant of a lower-case word: `High` for `high`.
fn variant(word: &Ident) -> Ident {
    let text = word.to_string();
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    Ident::new(
        &first.into_iter().chain(chars).collect::<String>(),
        word.span(),
    )
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn error(input: &DeriveInput) -> String {
        expand(input).unwrap_err().to_string()
    }

    #[test]
    fn wrong_input_is_explained() {
        assert_eq!(
            error(&parse_quote!(
                enum E {}
            )),
            "only a struct can be a configuration"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S(i32);
            )),
            "a configuration needs named fields"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S<T> {
                    t: T,
                }
            )),
            "a configuration cannot have type parameters"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(name = "a.b")]
                    x: i32,
                    a_b: i32,
                }
            )),
            "the key \"a.b\" is defined twice"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(importance = huge)]
                    x: i32,
                }
            )),
            "expected one of: high, medium, low"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(default = "x")]
                    x: Option<i32>,
                }
            )),
            "the default of a i32 is a whole number"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(default = 1, default = 2)]
                    x: i32,
                }
            )),
            "this attribute is set twice"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(validate = one_of)]
                    x: String,
                }
            )),
            "one_of needs arguments: one_of(..)"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(validate = range())]
                    x: i32,
                }
            )),
            "a range needs min, max or both"
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(validate = range(low = 1))]
                    x: i32,
                }
            )),
            "expected min = .. or max = .."
        );
        assert_eq!(
            error(&parse_quote!(
                struct S {
                    #[config(order = 1)]
                    x: i32,
                }
            )),
            "an order needs a group"
        );
        assert!(
            error(&parse_quote!(
                struct S {
                    #[config(nmae = "x")]
                    x: i32,
                }
            ))
            .starts_with("unknown attribute; known are name, default")
        );
    }

    #[test]
    fn shorthands_get_their_path() {
        let expanded = |expr: &Expr| validator_expr(expr).unwrap().to_string();
        assert_eq!(
            expanded(&parse_quote!(non_empty)),
            ":: connect_api :: config :: validator :: non_empty ()"
        );
        assert_eq!(
            expanded(&parse_quote!(one_of("a", "b"))),
            ":: connect_api :: config :: validator :: one_of ([\"a\" , \"b\"])"
        );
        assert_eq!(
            expanded(&parse_quote!(range(min = 1, max = 2))),
            ":: connect_api :: config :: validator :: between (1 , 2)"
        );
        assert_eq!(expanded(&parse_quote!(my::check(1))), "my :: check (1)");
    }
}
