//! What this build of librdkafka lacks.

use connect_broker::BrokerError;

use super::Settings;
use super::bad;

/// A librdkafka of the system may have more than ours.
pub(super) const HAS_KERBEROS: bool = cfg!(any(
    feature = "dynamic-linking",
    feature = "gssapi",
    windows
));
pub(super) const HAS_OIDC: bool = cfg!(any(feature = "dynamic-linking", feature = "oidc"));

impl Settings {
    /// Refuses a login that needs a feature of this crate, before librdkafka does in its words.
    pub(crate) fn check_build(&self) -> Result<(), BrokerError> {
        let set = |name| self.config.get(name);
        let name = "sasl.mechanism";
        // The default is the same in Java and in librdkafka, which has another name as well.
        let mechanism = set(name).or(set("sasl.mechanisms")).unwrap_or("GSSAPI");
        if !set("security.protocol").is_some_and(|protocol| protocol.starts_with("sasl")) {
            return Ok(());
        }
        if mechanism == "GSSAPI" && !HAS_KERBEROS {
            let advice = "this build has no Kerberos; build it with the feature gssapi";
            return Err(bad(name, mechanism, advice));
        }
        if set("sasl.oauthbearer.method") == Some("oidc") && !HAS_OIDC {
            let advice = "this build gets no tokens; build it with the feature oidc";
            return Err(bad(name, mechanism, advice));
        }
        Ok(())
    }
}
