//! `sasl.jaas.config`: the login of Java's clients.

use std::collections::BTreeMap;

use connect_broker::BrokerError;
use rdkafka::ClientConfig;

/// A login module with its options.
#[derive(Debug, PartialEq, Eq)]
struct Login {
    class: String,
    options: BTreeMap<String, String>,
}

/// Translates a login to options of librdkafka. The value is a secret: no error shows it.
pub(super) fn apply(
    value: &str,
    given: &BTreeMap<&str, &str>,
    config: &mut ClientConfig,
) -> Result<(), BrokerError> {
    let login = parse(value).map_err(|problem| error(&problem))?;
    let option = |name: &str| {
        let missing = || error(&format!("{} needs the option {name}", login.class));
        login.options.get(name).ok_or_else(missing)
    };
    match login.class.rsplit('.').next().unwrap_or_default() {
        "PlainLoginModule" | "ScramLoginModule" => {
            config.set("sasl.username", option("username")?);
            config.set("sasl.password", option("password")?);
            if !given.contains_key("sasl.mechanism") {
                if login.class.ends_with("ScramLoginModule") {
                    return Err(error(
                        "set sasl.mechanism to SCRAM-SHA-256 or SCRAM-SHA-512",
                    ));
                }
                config.set("sasl.mechanism", "PLAIN");
            }
        }
        "OAuthBearerLoginModule" => bearer(&login, given, config),
        "Krb5LoginModule" => {
            for (name, native) in [
                ("principal", "sasl.kerberos.principal"),
                ("keyTab", "sasl.kerberos.keytab"),
                ("serviceName", "sasl.kerberos.service.name"),
            ] {
                if let Some(value) = login.options.get(name)
                    && !given.contains_key(native)
                {
                    config.set(native, value);
                }
            }
        }
        _ => {
            return Err(error(&format!(
                "the login module {} is not supported; use PlainLoginModule, ScramLoginModule, \
                 OAuthBearerLoginModule or Krb5LoginModule",
                login.class
            )));
        }
    }
    Ok(())
}

fn bearer(login: &Login, given: &BTreeMap<&str, &str>, config: &mut ClientConfig) {
    let unsecured: Vec<String> = login
        .options
        .iter()
        .filter_map(
            |(name, value)| match name.strip_prefix("unsecuredLoginStringClaim_")? {
                "sub" => Some(format!("principal={value}")),
                "scope" => Some(format!("scope={value}")),
                _ => None,
            },
        )
        .collect();
    if !unsecured.is_empty() {
        config.set("enable.sasl.oauthbearer.unsecure.jwt", "true");
        config.set("sasl.oauthbearer.config", unsecured.join(" "));
    }
    for (name, java, native) in [
        (
            "clientId",
            "sasl.oauthbearer.client.credentials.client.id",
            "sasl.oauthbearer.client.id",
        ),
        (
            "clientSecret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.client.secret",
        ),
        ("scope", "sasl.oauthbearer.scope", "sasl.oauthbearer.scope"),
    ] {
        if let Some(value) = login.options.get(name)
            && !given.contains_key(java)
        {
            config.set(native, value);
        }
    }
    let extensions: Vec<String> = login
        .options
        .iter()
        .filter_map(|(name, value)| Some(format!("{}={value}", name.strip_prefix("extension_")?)))
        .collect();
    if !extensions.is_empty() {
        config.set("sasl.oauthbearer.extensions", extensions.join(","));
    }
    if !given.contains_key("sasl.mechanism") {
        config.set("sasl.mechanism", "OAUTHBEARER");
    }
}

fn error(problem: &str) -> BrokerError {
    BrokerError::InvalidOption(format!("sasl.jaas.config: {problem}"))
}

/// Reads `class flag name=value …;`. Values may be quoted.
fn parse(text: &str) -> Result<Login, String> {
    let mut words = Words(text);
    let class = words
        .next_word()?
        .ok_or("it is empty; it must start with a login module")?;
    let flag = words.next_word()?.unwrap_or_default();
    if !["required", "requisite", "sufficient", "optional"].contains(&flag.to_lowercase().as_str())
    {
        return Err(format!(
            "the login module {class} must be followed by a flag such as required"
        ));
    }
    let mut options = BTreeMap::new();
    loop {
        let Some(name) = words.next_word()? else {
            return Err("it must end with a semicolon".into());
        };
        if name == ";" {
            break;
        }
        if words.next_word()?.as_deref() != Some("=") {
            return Err(format!(
                "the option {name} must be followed by an equals sign"
            ));
        }
        let value = words.next_word()?.filter(|value| value != ";");
        let value = value.ok_or_else(|| format!("the option {name} has no value"))?;
        options.insert(name, value);
    }
    if words.next_word()?.is_some() {
        return Err("it must have only one login module".into());
    }
    Ok(Login { class, options })
}

/// Splits a text into words, quoted words, `=` and `;`.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn next_word(&mut self) -> Result<Option<String>, String> {
        self.0 = self.0.trim_start();
        let mut rest = self.0.char_indices();
        let Some((_, first)) = rest.next() else {
            return Ok(None);
        };
        match first {
            '=' | ';' => {
                self.0 = rest.as_str();
                Ok(Some(first.to_string()))
            }
            '"' | '\'' => {
                let mut word = String::new();
                while let Some((_, c)) = rest.next() {
                    match c {
                        '\\' => word.extend(rest.next().map(|(_, escaped)| escaped)),
                        c if c == first => {
                            self.0 = rest.as_str();
                            return Ok(Some(word));
                        }
                        c => word.push(c),
                    }
                }
                Err("a quoted value does not end; add the closing quote".into())
            }
            _ => {
                let is_end = |c: char| c.is_whitespace() || matches!(c, '=' | ';' | '"' | '\'');
                let end = self.0.find(is_end).unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                Ok(Some(word.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_read_as_java_reads_them() {
        let text = "org.apache.kafka.common.security.plain.PlainLoginModule required\n  \
                    username=\"alice\" password='a\\'b;c=\"' extra=x ;";
        let login = parse(text).unwrap();
        assert!(login.class.ends_with("PlainLoginModule"));
        let options: Vec<_> = login
            .options
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            options,
            [
                ("extra", "x"),
                ("password", "a'b;c=\""),
                ("username", "alice")
            ]
        );
    }

    #[test]
    fn broken_logins_are_explained_without_the_password() {
        for (text, problem) in [
            ("", "empty"),
            ("X username=\"a\";", "flag"),
            ("X required username \"secret\";", "equals sign"),
            ("X required password=;", "no value"),
            ("X required password=secret", "semicolon"),
            ("X required password=\"secret;", "does not end"),
            ("X required; Y required;", "only one login module"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(problem) && !error.contains("secret"),
                "{text}: {error}"
            );
        }
    }
}
