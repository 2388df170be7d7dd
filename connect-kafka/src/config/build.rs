//! Features that this build of librdkafka may lack.

use connect_broker::BrokerError;

use super::Settings;
use super::bad;

/// A librdkafka of the system may have features that ours lacks, so it is left to decide.
pub(super) const HAS_KERBEROS: bool = cfg!(any(
    feature = "dynamic-linking",
    feature = "gssapi",
    windows
));
pub(super) const HAS_OIDC: bool = cfg!(any(feature = "dynamic-linking", feature = "oidc"));

impl Settings {
    /// Refuses a login that needs a feature of this crate and names the feature, which librdkafka
    /// would not.
    pub(crate) fn check_build(&self) -> Result<(), BrokerError> {
        let set = |name| self.config.get(name);
        let name = "sasl.mechanism";
        // Java and librdkafka have the same default; librdkafka has a second name for the option.
        let mechanism = set(name).or(set("sasl.mechanisms")).unwrap_or("GSSAPI");
        if !set("security.protocol").is_some_and(|protocol| protocol.starts_with("sasl")) {
            return Ok(());
        }
        if mechanism == "GSSAPI" && !HAS_KERBEROS {
            let advice = "this build has no Kerberos; build connect-kafka with the feature gssapi";
            return Err(bad(name, mechanism, advice));
        }
        if set("sasl.oauthbearer.method") == Some("oidc") && !HAS_OIDC {
            let advice =
                "this build cannot request tokens; build connect-kafka with the feature oidc";
            return Err(bad(name, mechanism, advice));
        }
        Ok(())
    }
}
