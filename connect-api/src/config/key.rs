//! One key of a definition, and all that tools want to know about it.

use std::fmt;
use std::sync::Arc;

use super::ConfigError;
use super::ConfigField;
use super::ConfigType;
use super::ParsedValue;
use super::Recommender;
use super::Validator;

/// How likely a user needs a key.
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

/// How wide the input field of a key should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Width {
    /// Not said.
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
/// Built by chaining; without [`default`](Self::default()) or [`optional`](Self::optional) the key
/// is required.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConfigKey {
    /// The key.
    pub name: String,
    /// The type.
    pub ty: ConfigType,
    /// The value if the key is absent; `None` if the key is required.
    pub default: Option<ParsedValue>,
    /// The check of the value.
    pub validator: Option<Arc<dyn Validator>>,
    /// How likely a user needs the key.
    pub importance: Importance,
    /// What the key does, in sentences.
    pub documentation: String,
    /// The group under which tools show the key.
    pub group: Option<String>,
    /// The place in the group; −1 if it does not matter.
    pub order_in_group: i32,
    /// How wide the input field should be.
    pub width: Width,
    /// The name that tools show.
    pub display_name: String,
    /// The keys whose recommendations depend on this one.
    pub dependents: Vec<String>,
    /// What recommends values.
    pub recommender: Option<Arc<dyn Recommender>>,
    /// True if the key is not for users.
    pub internal: bool,
    pub(super) classes: Option<Arc<ClassLookup>>,
    pub(super) check: Option<FieldCheck>,
}

/// Why the Rust type of a key refuses a text that Kafka's type of it accepts, or null.
pub(super) type FieldCheck = fn(Option<&str>) -> Result<(), String>;

/// The full name of a class, or `None` if there is no such class.
pub(super) type ClassLookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl ConfigKey {
    /// A required key of medium importance.
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

    /// A key with the type and the checks of a Rust type; optional if the type has a
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

    /// Sets the value if the key is absent. A text is parsed.
    #[must_use]
    pub fn default(mut self, value: impl Into<ParsedValue>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Makes the key null if it is absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.default = Some(ParsedValue::Null);
        self
    }

    /// Sets the check of the value.
    #[must_use]
    pub fn validator(mut self, validator: impl Validator + 'static) -> Self {
        self.validator = Some(Arc::new(validator));
        self
    }

    /// Sets how likely a user needs the key.
    #[must_use]
    pub fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// Sets what the key does, in sentences.
    #[must_use]
    pub fn documentation(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = documentation.into();
        self
    }

    /// Sets the group under which tools show the key, and the place in it.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>, order: i32) -> Self {
        self.group = Some(group.into());
        self.order_in_group = order;
        self
    }

    /// Sets how wide the input field should be.
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

    /// Sets what recommends values.
    #[must_use]
    pub fn recommender(mut self, recommender: impl Recommender + 'static) -> Self {
        self.recommender = Some(Arc::new(recommender));
        self
    }

    /// Marks the key as not for users.
    #[must_use]
    pub fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// Sets how names of a [`Class`](ConfigType::Class) key are looked up: the full name, or `None`
    /// if there is no such class, which is an error of the value.
    #[must_use]
    pub fn classes(
        mut self,
        lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.classes = Some(Arc::new(lookup));
        self
    }

    /// True if the key has to be set.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.default.is_none()
    }

    /// Makes the default one of the type and checks it.
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

/// Why null is refused.
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
