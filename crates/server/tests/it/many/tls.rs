//! TLS to the database: who it is, is checked.

use std::path::Path;
use std::process::Command;

use super::database::Postgres;
use crate::support::command::tidegate_plain;

/// Runs `openssl` in `dir`.
fn openssl(dir: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output();
    let done = done.expect("install the package openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// An authority, and a certificate of its for localhost: `ca.crt`, `server.crt`, `server.key`.
fn certificates(dir: &Path) {
    let new = "req -newkey rsa:2048 -nodes";
    openssl(dir, &format!("{new} -x509 -days 2 -keyout ca.key -out ca.crt -subj /CN=authority"));
    openssl(dir, &format!("{new} -keyout server.key -out server.csr -subj /CN=localhost"));
    std::fs::write(dir.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    let signed = "x509 -req -days 2 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names";
    openssl(dir, &format!("{signed} -in server.csr -out server.crt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_believed_by_its_certificate_only() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificates(dir.path());
    certificates(other.path());
    let postgres = Postgres::start_with_tls(dir.path()).await;
    let ask = |host: &str, authority: &Path| {
        let url = format!("postgres://app@{host}:{}/app?sslmode=require", postgres.port());
        let mut command = tidegate_plain(dir.path());
        command.args(["--store", &url, "key", "create", "--project", "p", "--json"]);
        let ended = command.env("SSL_CERT_FILE", authority.join("ca.crt")).output().unwrap();
        (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (is_served, said) = ask("localhost", dir.path());
    assert!(is_served, "{said}");
    let (is_served, said) = ask("localhost", other.path());
    assert!(!is_served && said.contains("certificate"), "an authority that nobody named: {said}");
    let (is_served, said) = ask("127.0.0.1", dir.path());
    assert!(!is_served && said.contains("certificate"), "a name that the certificate does not have: {said}");
}
