//! The response of `PUT /connector-plugins/{class}/config/validate`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use super::ConfigKey;
use super::ConfigType;
use super::ConfigValue;
use super::ParsedValue;
use super::Validation;
use super::error::HIDDEN;

/// The result of a validation, as the REST API returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfigInfos {
    /// The connector class as the user wrote it.
    pub name: String,
    /// The number of errors.
    pub error_count: usize,
    /// The groups in order.
    pub groups: Vec<String>,
    /// The keys: those without a definition, then those with one, in order.
    pub configs: Vec<ConfigInfo>,
}

impl ConfigInfos {
    /// Combines definitions and values.
    ///
    /// Values without a definition come first, as in Kafka Connect. Keys without a value have no
    /// `value`.
    #[must_use]
    #[doc(alias = "generateResult")]
    pub fn new<'a>(
        name: impl Into<String>,
        keys: impl IntoIterator<Item = &'a ConfigKey>,
        groups: Vec<String>,
        validation: &Validation,
    ) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        let types: BTreeMap<_, _> = keys.iter().map(|key| (key.name.as_str(), key.ty)).collect();
        let unknown = validation
            .values()
            .iter()
            .filter(|value| !types.contains_key(value.name.as_str()))
            .map(|value| ConfigInfo {
                definition: None,
                value: Some(ConfigValueInfo::new(value, None)),
            });
        let known = keys.iter().map(|key| ConfigInfo {
            definition: Some(ConfigKeyInfo::from(*key)),
            value: validation
                .get(&key.name)
                .map(|value| ConfigValueInfo::new(value, Some(key.ty))),
        });
        Self {
            name: name.into(),
            error_count: validation.error_count(),
            groups,
            configs: unknown.chain(known).collect(),
        }
    }

    /// All error messages in order.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        let values = self
            .configs
            .iter()
            .filter_map(|config| config.value.as_ref());
        values.flat_map(|value| value.errors.iter().map(String::as_str))
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfigInfo {
    /// The definition; `None` if there is none.
    pub definition: Option<ConfigKeyInfo>,
    /// The value; `None` if the key was not validated.
    pub value: Option<ConfigValueInfo>,
}

/// The definition of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfigKeyInfo {
    /// The key.
    pub name: String,
    /// The type, as in `STRING`.
    #[serde(rename = "type")]
    pub ty: String,
    /// True if the key has no default.
    pub required: bool,
    /// The default value; `None` if it is null or the key is required.
    pub default_value: Option<String>,
    /// The importance, as in `HIGH`.
    pub importance: String,
    /// What the key does.
    pub documentation: String,
    /// The group.
    pub group: Option<String>,
    /// The order in the group.
    pub order_in_group: i32,
    /// The width of the input field, as in `MEDIUM`.
    pub width: String,
    /// The name that tools show.
    pub display_name: String,
    /// The keys whose recommendations depend on this one.
    pub dependents: Vec<String>,
}

impl From<&ConfigKey> for ConfigKeyInfo {
    fn from(key: &ConfigKey) -> Self {
        Self {
            name: key.name.clone(),
            ty: key.ty.name().into(),
            required: key.is_required(),
            default_value: key.default.as_ref().and_then(ParsedValue::render),
            importance: key.importance.name().into(),
            documentation: key.documentation.clone(),
            group: key.group.clone(),
            order_in_group: key.order_in_group,
            width: key.width.name().into(),
            display_name: key.display_name.clone(),
            dependents: key.dependents.clone(),
        }
    }
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConfigValueInfo {
    /// The key.
    pub name: String,
    /// The value; `[hidden]` for passwords and values from a provider.
    pub value: Option<String>,
    /// Recommended values.
    pub recommended_values: Vec<String>,
    /// The errors.
    pub errors: Vec<String>,
    /// True if the key is relevant with the values of the other keys.
    pub visible: bool,
}

impl ConfigValueInfo {
    /// Converts a value; `ty` is the type in its definition, if it has one.
    #[must_use]
    pub fn new(value: &ConfigValue, ty: Option<ConfigType>) -> Self {
        let text = match (&value.value, ty) {
            (ParsedValue::Null, _) => None,
            _ if value.secret => Some(HIDDEN.into()),
            (ParsedValue::List(_), None) => Some(value.value.to_string()),
            (other, _) => other.render(),
        };
        Self {
            name: value.name.clone(),
            value: text,
            recommended_values: value
                .recommended_values
                .iter()
                .map(|recommended| recommended.to_string())
                .collect(),
            errors: value.errors.clone(),
            visible: value.visible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigDef;
    use crate::config::Importance;
    use crate::config::Width;
    use crate::config_map;

    #[test]
    fn members_come_in_kafkas_order() {
        let def = ConfigDef::builder()
            .key(
                ConfigKey::new("topics", ConfigType::List)
                    .default("")
                    .importance(Importance::High)
                    .documentation("doc")
                    .group("Common", 4)
                    .width(Width::Long)
                    .display_name("Topics")
                    .dependents(["topics.regex"]),
            )
            .key(ConfigKey::new("topics.regex", ConfigType::Password))
            .build();
        let mut validation =
            def.validate(&config_map! { "topics" => "a, b", "topics.regex" => "s3cret" });
        validation.add_error("unknown", "what is this?");
        let infos = ConfigInfos::new("Sink", def.keys(), def.groups().to_vec(), &validation);
        let json = serde_json::to_string(&infos).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"name":"Sink","error_count":1,"groups":["Common"],"configs":["#,
                r#"{"definition":null,"value":{"name":"unknown","value":null,"#,
                r#""recommended_values":[],"errors":["what is this?"],"visible":true}},"#,
                r#"{"definition":{"name":"topics","type":"LIST","required":false,"#,
                r#""default_value":"","importance":"HIGH","documentation":"doc","#,
                r#""group":"Common","order_in_group":4,"width":"LONG","display_name":"Topics","#,
                r#""dependents":["topics.regex"]},"value":{"name":"topics","value":"a,b","#,
                r#""recommended_values":[],"errors":[],"visible":true}},"#,
                r#"{"definition":{"name":"topics.regex","type":"PASSWORD","required":true,"#,
                r#""default_value":null,"importance":"MEDIUM","documentation":"","group":null,"#,
                r#""order_in_group":-1,"width":"NONE","display_name":"topics.regex","#,
                r#""dependents":[]},"value":{"name":"topics.regex","value":"[hidden]","#,
                r#""recommended_values":[],"errors":[],"visible":true}}]}"#,
            )
        );
        assert_eq!(serde_json::from_str::<ConfigInfos>(&json).unwrap(), infos);
        assert_eq!(infos.errors().collect::<Vec<_>>(), ["what is this?"]);
    }
}
