//! Key stores and trust stores: PEM and PKCS#12, recognized by their content.

use std::collections::BTreeMap;
use std::fs;

use connect_broker::BrokerError;
use openssl::pkcs12::ParsedPkcs12_2;
use openssl::pkcs12::Pkcs12;
use rdkafka::ClientConfig;

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
enum Format {
    Jks,
    Pem,
    Pkcs12,
    Unknown,
}

impl Format {
    fn of(content: &[u8]) -> Self {
        match content {
            [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => Self::Jks,
            // The start of a DER sequence.
            [0x30, ..] => Self::Pkcs12,
            _ if content.windows(10).any(|part| part == b"-----BEGIN") => Self::Pem,
            _ => Self::Unknown,
        }
    }
}

/// Passes on which authorities to trust.
pub(super) fn truststore(
    path: &str,
    given: &BTreeMap<&str, &str>,
    config: &mut ClientConfig,
) -> Result<(), BrokerError> {
    let option = "ssl.truststore.location";
    let content = read(option, path)?;
    match Format::of(&content) {
        Format::Pem => {
            config.set("ssl.ca.location", path);
        }
        Format::Pkcs12 => {
            let password = given.get("ssl.truststore.password").copied();
            let password = password.filter(|password| !password.is_empty());
            let parsed = open(option, path, &content, password)?;
            let mut pem = Vec::new();
            for certificate in parsed.ca.iter().flatten().chain(
                // Some tools store a single authority as if it were the client's certificate.
                parsed.cert.as_deref(),
            ) {
                pem.extend(certificate.to_pem().map_err(|error| {
                    bad(
                        option,
                        path,
                        &format!("a certificate cannot be read: {error}"),
                    )
                })?);
            }
            if pem.is_empty() {
                return Err(bad(option, path, "it holds no certificates"));
            }
            config.set("ssl.ca.pem", String::from_utf8_lossy(&pem));
        }
        format => return Err(unusable(option, path, &format)),
    }
    Ok(())
}

/// Passes on the client's own key and certificate.
pub(super) fn keystore(
    path: &str,
    given: &BTreeMap<&str, &str>,
    config: &mut ClientConfig,
) -> Result<(), BrokerError> {
    let option = "ssl.keystore.location";
    let content = read(option, path)?;
    match Format::of(&content) {
        Format::Pem => {
            config.set("ssl.key.location", path);
            config.set("ssl.certificate.location", path);
        }
        Format::Pkcs12 => {
            let password = given.get("ssl.keystore.password").copied();
            let password = password.filter(|password| !password.is_empty());
            // Only for a better error than that of librdkafka.
            open(option, path, &content, password)?;
            config.set("ssl.keystore.location", path);
            config.set("ssl.keystore.password", password.unwrap_or_default());
        }
        format => return Err(unusable(option, path, &format)),
    }
    Ok(())
}

fn read(option: &str, path: &str) -> Result<Vec<u8>, BrokerError> {
    fs::read(path).map_err(|error| bad(option, path, &error.to_string()))
}

fn open(
    option: &str,
    path: &str,
    content: &[u8],
    password: Option<&str>,
) -> Result<ParsedPkcs12_2, BrokerError> {
    let file = Pkcs12::from_der(content)
        .map_err(|error| bad(option, path, &format!("it is not PKCS#12: {error}")))?;
    file.parse2(password.unwrap_or_default()).map_err(|error| {
        let text = error.to_string();
        let problem = if text.contains("mac verify failure") {
            match password {
                Some(_) => "the password is wrong".to_owned(),
                None => format!("{} is missing", option.replace("location", "password")),
            }
        } else if text.contains("unsupported") {
            let convert = convert(path, "-new.p12");
            format!(
                "it is encrypted as by Java 8 and older, which OpenSSL no longer reads; convert it \
                 with Java 17 or newer: {convert}"
            )
        } else {
            format!("it cannot be opened: {text}")
        };
        bad(option, path, &problem)
    })
}

/// A command that converts a store to PKCS#12.
fn convert(path: &str, ending: &str) -> String {
    let stem = path.trim_end_matches(".jks").trim_end_matches(".p12");
    format!(
        "keytool -importkeystore -srckeystore {path} -destkeystore {stem}{ending} \
         -deststoretype PKCS12"
    )
}

fn unusable(option: &str, path: &str, format: &Format) -> BrokerError {
    if *format == Format::Jks {
        let command = convert(path, ".p12");
        return bad(
            option,
            path,
            &format!("it is a JKS file, which only Java reads; convert it: {command}"),
        );
    }
    bad(
        option,
        path,
        "it is neither PEM nor PKCS#12; use one of these formats",
    )
}

fn bad(option: &str, path: &str, problem: &str) -> BrokerError {
    BrokerError::InvalidOption(format!("{option} is \"{path}\": {problem}"))
}
