//! Parsing of `#[config(...)]` and doc comments.

use proc_macro2::Ident;
use syn::Attribute;
use syn::Expr;
use syn::ExprLit;
use syn::Lit;
use syn::LitInt;
use syn::LitStr;
use syn::Meta;
use syn::Result;
use syn::Token;
use syn::meta::ParseNestedMeta;
use syn::parenthesized;
use syn::punctuated::Punctuated;

/// The attributes of one field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) default: Option<Expr>,
    pub(crate) importance: Option<Ident>,
    pub(crate) validate: Option<Expr>,
    pub(crate) group: Option<LitStr>,
    pub(crate) order: Option<LitInt>,
    pub(crate) width: Option<Ident>,
    pub(crate) display: Option<LitStr>,
    pub(crate) dependents: Vec<LitStr>,
    pub(crate) recommender: Option<Expr>,
    pub(crate) is_internal: bool,
}

impl FieldAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        for attribute in config_attributes(attributes) {
            attribute.parse_nested_meta(|meta| parsed.take(&meta))?;
        }
        Ok(parsed)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(ident) = meta.path.get_ident() else {
            return Err(meta.error(UNKNOWN_FIELD));
        };
        match ident.to_string().as_str() {
            "default" => set(&mut self.default, meta, meta.value()?.parse()?),
            "dependents" => {
                let content;
                parenthesized!(content in meta.input);
                let keys = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
                self.dependents.extend(keys);
                Ok(())
            }
            "display" => set(&mut self.display, meta, meta.value()?.parse()?),
            "group" => set(&mut self.group, meta, meta.value()?.parse()?),
            "importance" => set(
                &mut self.importance,
                meta,
                word(meta, &["high", "medium", "low"])?,
            ),
            "internal" => {
                self.is_internal = true;
                Ok(())
            }
            "name" => set(&mut self.name, meta, meta.value()?.parse()?),
            "order" => set(&mut self.order, meta, meta.value()?.parse()?),
            "recommender" => set(&mut self.recommender, meta, meta.value()?.parse()?),
            "validate" => set(&mut self.validate, meta, meta.value()?.parse()?),
            "width" => set(
                &mut self.width,
                meta,
                word(meta, &["none", "short", "medium", "long"])?,
            ),
            _ => Err(meta.error(UNKNOWN_FIELD)),
        }
    }
}

const UNKNOWN_FIELD: &str = "unknown attribute; known are name, default, importance, validate, \
    group, order, width, display, dependents(..), recommender and internal";

/// What is said before a struct.
#[derive(Default)]
pub(crate) struct StructAttributes {
    /// The group of its keys.
    pub(crate) group: Option<LitStr>,
    /// Prefixes of keys that are allowed without a definition.
    pub(crate) open: Vec<LitStr>,
}

impl StructAttributes {
    pub(crate) fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut parsed = Self::default();
        for attribute in config_attributes(attributes) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("group") {
                    set(&mut parsed.group, &meta, meta.value()?.parse()?)
                } else if meta.path.is_ident("open") {
                    parsed.open.push(meta.value()?.parse()?);
                    Ok(())
                } else {
                    Err(meta.error("unknown attribute; a struct can have group and open"))
                }
            })?;
        }
        Ok(parsed)
    }
}

/// True if an enum ignores case.
pub(crate) fn ignores_case(attributes: &[Attribute]) -> Result<bool> {
    let mut ignores_case = false;
    for attribute in config_attributes(attributes) {
        attribute.parse_nested_meta(|meta| {
            ignores_case |= meta.path.is_ident("ignore_case");
            if ignores_case {
                Ok(())
            } else {
                Err(meta.error("an enum can have ignore_case"))
            }
        })?;
    }
    Ok(ignores_case)
}

/// The text of a variant.
pub(crate) fn variant_name(attributes: &[Attribute]) -> Result<Option<LitStr>> {
    let mut name = None;
    for attribute in config_attributes(attributes) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                set(&mut name, &meta, meta.value()?.parse()?)
            } else {
                Err(meta.error("unknown attribute; a variant can have name"))
            }
        })?;
    }
    Ok(name)
}

/// The doc comment, with one line per paragraph.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    let mut ends_paragraph = false;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
    {
        let Meta::NameValue(meta) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(comment),
            ..
        }) = &meta.value
        else {
            continue;
        };
        for line in comment.value().split('\n') {
            let line = line.trim();
            if !line.is_empty() && !text.is_empty() {
                text.push(if ends_paragraph { '\n' } else { ' ' });
            }
            ends_paragraph = line.is_empty();
            text.push_str(line);
        }
    }
    text
}

fn config_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("config"))
}

fn set<T>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    match slot.replace(value) {
        Some(_) => Err(meta.error("this attribute is set twice")),
        None => Ok(()),
    }
}

fn word(meta: &ParseNestedMeta<'_>, words: &[&str]) -> Result<Ident> {
    let ident: Ident = meta.value()?.parse()?;
    if words.iter().any(|word| ident == word) {
        return Ok(ident);
    }
    Err(syn::Error::new(
        ident.span(),
        format!("expected one of: {}", words.join(", ")),
    ))
}
