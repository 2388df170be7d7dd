//! Keys of definitions.

use std::fmt;
use std::sync::Arc;

use super::ConfigError;
use super::ConfigField;
use super::ConfigType;
use super::ParsedValue;
use super::Recommender;
use super::Validator;

/// How important a key is for users.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Importance {
    /// Most users set it.
    High,
    /// Some users set it.
    #[default]
    Medium,
    /// Few users set it.
    Low,
}

impl Importance {
    /// Kafka's name: `HIGH`, `MEDIUM`, `LOW`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// The width of the input field of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Width {
    /// Not specified.
    #[default]
    None,
    /// For numbers and short words.
    Short,
    /// For names.
    Medium,
    /// For paths, addresses and lists.
    Long,
}

impl Width {
    /// Kafka's name: `NONE`, `SHORT`, `MEDIUM`, `LONG`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Short => "SHORT",
            Self::Medium => "MEDIUM",
            Self::Long => "LONG",
        }
    }
}

/// One key of a [`ConfigDef`](struct@super::ConfigDef).
///
/// A key is required unless [`default`](Self::default()) or [`optional`](Self::optional) is called.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConfigKey {
    /// The key.
    pub name: String,
    /// The type.
    pub ty: ConfigType,
    /// The default value; `None` if the key is required.
    pub default: Option<ParsedValue>,
    /// The validator of the value.
    pub validator: Option<Arc<dyn Validator>>,
    /// The importance.
    pub importance: Importance,
    /// The documentation.
    pub documentation: String,
    /// The group.
    pub group: Option<String>,
    /// The order in the group; −1 if it does not matter.
    pub order_in_group: i32,
    /// The width of the input field.
    pub width: Width,
    /// The name that tools show.
    pub display_name: String,
    /// The keys whose recommendations depend on this one.
    pub dependents: Vec<String>,
    /// The recommender of values.
    pub recommender: Option<Arc<dyn Recommender>>,
    /// True if users should not set the key.
    pub internal: bool,
    pub(super) classes: Option<Arc<ClassLookup>>,
    pub(super) check: Option<FieldCheck>,
}

/// Checks whether the Rust type of a key accepts a string, or null, that Kafka's type accepts.
pub(super) type FieldCheck = fn(Option<&str>) -> Result<(), String>;

/// The full name of a class, or `None` if there is no such class.
pub(super) type ClassLookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl ConfigKey {
    /// Creates a required key of medium importance.
    #[must_use]
    pub fn new(name: impl Into<String>, ty: ConfigType) -> Self {
        let name = name.into();
        Self {
            display_name: name.clone(),
            name,
            ty,
            default: None,
            validator: None,
            importance: Importance::default(),
            documentation: String::new(),
            group: None,
            order_in_group: -1,
            width: Width::default(),
            dependents: Vec::new(),
            recommender: None,
            internal: false,
            classes: None,
            check: None,
        }
    }

    /// Creates a key with the type and the checks of a Rust type. It is optional if the type accepts
    /// [null](ConfigField::null).
    #[must_use]
    pub fn of<T: ConfigField>(name: impl Into<String>) -> Self {
        let key = Self {
            check: Some(|text| match text {
                Some(text) => T::parse(text).map(drop),
                None => T::null().map(drop).ok_or_else(|| NULL.into()),
            }),
            ..Self::new(name, T::TYPE)
        };
        if T::null().is_some() {
            key.optional()
        } else {
            key
        }
    }

    /// Sets the default value. A string is parsed.
    #[must_use]
    pub fn default(mut self, value: impl Into<ParsedValue>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Makes the key optional: it is null if it is absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.default = Some(ParsedValue::Null);
        self
    }

    /// Sets the validator of the value.
    #[must_use]
    pub fn validator(mut self, validator: impl Validator + 'static) -> Self {
        self.validator = Some(Arc::new(validator));
        self
    }

    /// Sets the importance.
    #[must_use]
    pub fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// Sets the documentation.
    #[must_use]
    pub fn documentation(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = documentation.into();
        self
    }

    /// Sets the group and the order in it.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>, order: i32) -> Self {
        self.group = Some(group.into());
        self.order_in_group = order;
        self
    }

    /// Sets the width of the input field.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// Sets the name that tools show.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = name.into();
        self
    }

    /// Sets the keys whose recommendations depend on this one.
    #[must_use]
    pub fn dependents<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.dependents = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the recommender of values.
    #[must_use]
    pub fn recommender(mut self, recommender: impl Recommender + 'static) -> Self {
        self.recommender = Some(Arc::new(recommender));
        self
    }

    /// Marks the key as one that users should not set.
    #[must_use]
    pub fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// Sets the lookup of names for a [`Class`](ConfigType::Class) key. It returns the full name, or
    /// `None` if there is no such class, which is an error.
    #[must_use]
    pub fn classes(
        mut self,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.classes = Some(Arc::new(lookup));
        self
    }

    /// True if the key must be set.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.default.is_none()
    }

    /// Converts the default to the type of the key and validates it.
    pub(super) fn settle(mut self) -> Result<Self, ConfigError> {
        if let Some(value) = self.default.take() {
            let shown = value.to_string();
            let value = self
                .ty
                .coerce(value)
                .map_err(|reason| ConfigError::invalid(&self.name, shown, reason))?;
            if let Some(validator) = &self.validator {
                validator
                    .validate(&self.name, &value)
                    .map_err(|error| error.at(&self.name))?;
            }
            self.default = Some(value);
        }
        Ok(self)
    }
}

/// The error of a null value.
pub(super) const NULL: &str = "Value must be non-null";

impl fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigKey")
            .field("name", &self.name)
            .field("ty", &self.ty)
            .field("default", &self.default)
            .field(
                "validator",
                &self
                    .validator
                    .as_ref()
                    .map(|validator| validator.describe()),
            )
            .field("importance", &self.importance)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
