//! The data model: values and their schemas.
//!
//! A [`Value`] is 40 bytes. Strings and bytes in it are shared slices, so a record moves from a file
//! to a log without copies. A [`Schema`] is always optional: a [`Datum`] is a value with or without
//! one.

mod builder;
pub mod calendar;
mod conform;
mod convert;
mod float_text;
mod infer;
pub mod logical;
mod map;
mod moment;
mod parse;
mod project;
mod schema;
mod structure;
mod text;
pub mod text_form;
mod value;

pub use builder::SchemaBuilder;
pub use float_text::FloatText;
pub use infer::infer_schema;
pub use logical::Decimal;
pub use logical::Logical;
pub use map::ValueMap;
pub use parse::parse;
pub use project::project;
pub use schema::Field;
pub use schema::Fields;
pub use schema::Schema;
pub use schema::SchemaRef;
pub use schema::SchemaType;
pub use structure::Struct;
pub use text::Text;
pub use text::decimal_digit;
pub use value::Datum;
pub use value::Value;
