//! Golden vectors: cases recorded from the Java implementation, and how to run them.
//!
//! A vector file has one case per line. A [`Suite`] reads a file, lets a closure answer each case,
//! compares the answers with what Java answered, prints one summary line and fails if a case
//! fails:
//!
//! ```no_run
//! use connect_testkit::golden::{Answer, Suite, datum_from_json, datum_to_json};
//!
//! # fn encode(_: &connect_api::data::Datum) -> connect_api::Result<Option<Vec<u8>>> { Ok(None) }
//! Suite::open(env!("CARGO_MANIFEST_DIR"), "primitive.jsonl")
//!     .deviations("tests/deviations.toml")
//!     .run(|case| {
//!         if case.op != "converter.fromConnectData" {
//!             return Answer::Skipped;
//!         }
//!         Answer::of(|| {
//!             let datum = datum_from_json(&case.input)?;
//!             Ok(connect_testkit::golden::bytes_to_json(encode(&datum)?.as_deref()))
//!         })
//!     });
//! ```
//!
//! Files are in the folder `tests/vectors` of the crate, or in the folder that the environment
//! variable `CONNECT_VECTORS` names. A file that is missing there is skipped.
//!
//! # Judging
//!
//! * A case passes if the answer is an output that is the same as Java's, or an error where Java
//!   has one. Values are the same if their types and bits are; maps are compared without order;
//!   bytes that are JSON are compared as JSON, where `1` and `1.0` differ.
//! * An error class of `org.apache.kafka` must equal [`Error::java_class`]; classes of Java and of
//!   its libraries are accidental and not compared. Different messages are counted and printed,
//!   but do not fail the case.
//! * A panic fails the case.
//! * [`Answer::Skipped`] is for operations that do not exist yet.
//!
//! # Deviations
//!
//! Where Java silently loses or corrupts data, a different answer may be right. Rules for such
//! cases are listed in a TOML file, and their answer is asserted:
//!
//! ```toml
//! [[deviation]]
//! name = "text-of-bytes"
//! java = "writes the address of the array"
//! ours = "refuses bytes"
//! why = "the data would be lost"
//! ops = ["converter.from*"]              # patterns with `*`; each list that is there must match
//! ids = []
//! notes = []
//! judge = "has_bytes"                    # a function of the test says whether the rule applies
//! error = "org.apache.kafka.connect.errors.DataException"
//! ```
//!
//! The answer is `error` (a class), `output` (JSON text), or what the judge returns. A rule that
//! applies to no case of the crate's own vectors fails the suite, so that the list stays short;
//! `may_be_unused = true` excepts it, `files = ["x.jsonl"]` restricts it to some files.
//!
//! [`Error::java_class`]: connect_api::Error::java_class

mod case;
mod compare;
mod deviation;
mod record;
mod schema;
mod suite;
mod value;

pub use case::Answer;
pub use case::Case;
pub use case::Expectation;
pub use case::unrepresentable;
pub use compare::same_json_text;
pub use compare::same_output;
pub use record::GoldenRecord;
pub use schema::schema_from_json;
pub use schema::schema_to_json;
pub use serde_json::Value as Json;
pub use suite::Suite;
pub use value::bytes_from_json;
pub use value::bytes_to_json;
pub use value::config_from_json;
pub use value::datum_from_json;
pub use value::datum_to_json;
pub use value::value_from_json;
pub use value::value_to_json;
