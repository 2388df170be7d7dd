//! Certificates for a cluster with TLS.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::date_time_ymd;

/// The files of a cluster's own certificate authority, as PEM.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes an authority and server certificates in a folder.
    pub(super) fn make(folder: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        fs::create_dir_all(folder)?;
        let authority = Authority::new("connect test authority")?;
        let hosts = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        write(folder, "authority.pem", &authority.pem)?;
        write(
            folder,
            "server.pem",
            &authority.issue(hosts.clone(), false)?,
        )?;
        write(
            folder,
            "client.pem",
            &authority.issue(vec!["client".into()], false)?,
        )?;
        write(folder, "expired.pem", &authority.issue(hosts, true)?)?;
        let elsewhere = vec!["elsewhere.example".to_owned()];
        write(
            folder,
            "other-host.pem",
            &authority.issue(elsewhere, false)?,
        )?;
        write(folder, "stranger.pem", &Authority::new("a stranger")?.pem)?;
        Ok(Self {
            folder: folder.to_path_buf(),
        })
    }

    /// The certificate of the authority: what clients should trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Key and certificate of a client, in one file.
    #[must_use]
    pub fn client(&self) -> PathBuf {
        self.folder.join("client.pem")
    }

    /// The certificate of an authority that no certificate of the cluster is from.
    #[must_use]
    pub fn stranger(&self) -> PathBuf {
        self.folder.join("stranger.pem")
    }
}

fn write(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::write(folder.join(name), text)
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
        })
    }

    /// Key and certificate for hosts, in one PEM text.
    fn issue(&self, hosts: Vec<String>, expired: bool) -> Result<String, rcgen::Error> {
        let name = hosts.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
    }
}
