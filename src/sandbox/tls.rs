//! TLS for the loopback address, by an authority that lives no longer than the server: its key is gone when this is made.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::http::Socket;

/// What a server needs to speak TLS, and what a client needs to believe it.
pub(super) struct Identity {
    /// The authority's certificate in PEM form.
    pub(super) ca_pem: String,
    /// The server's side.
    pub(super) config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes an authority, and by it a certificate for `127.0.0.1` and `localhost`.
    pub(super) fn new() -> io::Result<Self> {
        let issuer = authority().map_err(io::Error::other)?;
        let (certificate, key) = certificate(&issuer).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key.into()))
            .map_err(io::Error::other)?;
        Ok(Self { ca_pem: issuer.pem(), config: Arc::new(config) })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "Panelgate sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn certificate(
    issuer: &CertifiedIssuer<'static, KeyPair>,
) -> Result<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>), rcgen::Error> {
    let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "Panelgate sandbox builder");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der())))
}

/// The server's end of a TLS connection. The handshake happens with the first read.
pub(super) struct TlsSocket(StreamOwned<ServerConnection, Socket>);

impl TlsSocket {
    pub(super) fn new(config: &Arc<ServerConfig>, socket: Socket) -> io::Result<Self> {
        let connection = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        Ok(Self(StreamOwned::new(connection, socket)))
    }
}

impl Read for TlsSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for TlsSocket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for TlsSocket {
    /// Says that the end is meant, so that the client can tell it from an attack. A client that is gone does not mind.
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        let _ = self.0.flush();
    }
}
