//! TLS through rustls with ring, and the roots of the system. It must not know where it connects to.

use std::sync::{Arc, OnceLock};

use hearback_core::ports::ConnectorError;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// A configuration that trusts the system's roots and those of `own_roots_pem`. A system without roots trusts nobody.
///
/// # Errors
/// A sentence, if `own_roots_pem` holds something that is no certificate.
pub(crate) fn config(own_roots_pem: &[u8]) -> Result<ClientConfig, String> {
    let mut roots = system_roots().clone();
    for certificate in CertificateDer::pem_slice_iter(own_roots_pem) {
        let certificate = certificate.map_err(|_| "the root certificates are not in PEM form".to_owned())?;
        roots.add(certificate).map_err(|error| format!("a root certificate can't be used: {error}"))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS can't be set up: {error}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What a connector trusts that speaks TLS by itself, over a WebSocket: the same roots as every other call.
///
/// # Errors
/// [`ConnectorError::NotUsable`], if `own_roots_pem` holds something that is no certificate.
pub fn client_config(own_roots_pem: &[u8]) -> Result<ClientConfig, ConnectorError> {
    config(own_roots_pem).map_err(ConnectorError::NotUsable)
}

/// Read once: there are a hundred and more, in files.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}
