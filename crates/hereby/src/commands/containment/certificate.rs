//! A certificate as people name it: a file, what openssl prints, or its issuer and serial.

use std::io::Read as _;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::exit::Failure;

/// The longest file with a certificate, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What names a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The SHA-256 of it as DER: 64 hexadecimal digits in lower case.
    Fingerprint(String),
    /// Its issuer's SHA-256 and its number, as they were written.
    Numbered { issuer: String, serial: String },
}

/// The certificate that a text names, and whose it says it is where it was read.
///
/// # Errors
/// When it names none, or the file holds none or several.
pub(super) fn named(text: &str) -> Result<(Named, Option<String>), Failure> {
    let text = text.trim();
    for beginning in ["sha256:", "sha256 fingerprint="] {
        if let Some(digits) = after(text, beginning) {
            return fingerprint(digits).map(|digits| (Named::Fingerprint(digits), None));
        }
    }
    if let Some(rest) = after(text, "issuer=") {
        return numbered(rest).map(|named| (named, None));
    }
    let (digits, about) = in_file(Path::new(text))?;
    Ok((Named::Fingerprint(digits), Some(about)))
}

/// Text as a command takes it.
pub(super) fn line(text: &str) -> Result<base::Line, Failure> {
    text.parse()
        .map_err(|error| Failure::usage("that names no certificate").because(error))
}

/// What stands behind the beginning, which may be in upper case.
fn after<'t>(text: &'t str, beginning: &str) -> Option<&'t str> {
    let (front, rest) = text.split_at_checked(beginning.len())?;
    front.eq_ignore_ascii_case(beginning).then_some(rest)
}

fn fingerprint(digits: &str) -> Result<String, Failure> {
    let plain: String = digits.chars().filter(|digit| *digit != ':').collect();
    let is_one = plain.len() == 64 && plain.bytes().all(|digit| digit.is_ascii_hexdigit());
    match is_one {
        true => Ok(plain.to_ascii_lowercase()),
        false => Err(
            Failure::usage("that is no SHA-256: it has 64 hexadecimal digits")
                .hint("openssl x509 -noout -fingerprint -sha256 -in FILE prints it"),
        ),
    }
}

fn numbered(rest: &str) -> Result<Named, Failure> {
    let mut words = rest.split_ascii_whitespace();
    let issuer = words.next().map(str::to_owned);
    let serial = words.next().and_then(|word| after(word, "serial="));
    match (issuer, serial, words.next()) {
        (Some(issuer), Some(serial), None) => Ok(Named::Numbered {
            issuer: fingerprint(&issuer)?,
            serial: serial.to_owned(),
        }),
        _ => Err(
            Failure::usage("an issuer alone would be all that it issued")
                .hint("write both in one word: \"issuer=HEX serial=HEX\""),
        ),
    }
}

/// The one certificate in a file, and whose it says it is.
fn in_file(path: &Path) -> Result<(String, String), Failure> {
    let cannot = || Failure::usage(format!("{} is no certificate", path.display()));
    let file = std::fs::File::open(path).map_err(|error| {
        cannot()
            .because(error)
            .hint("name a file with it (PEM or DER), or sha256:HEX")
    })?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot().because(error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(cannot().because("it has more than 1 MiB"));
    }
    let found = certificates(&bytes).map_err(|why| cannot().because(why))?;
    let mut found = found.into_iter();
    match (found.next(), found.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(cannot().because("it holds none, as PEM or as DER")),
        (Some(first), more) => {
            let mut failure = Failure::usage(format!(
                "{} holds {} certificates: name the one",
                path.display(),
                more + 1
            ));
            for (digits, about) in std::iter::once(first).chain(found).take(10) {
                failure = failure.hint(format!("sha256:{digits}  {about}"));
            }
            Err(failure)
        }
    }
}

fn certificates(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    if bytes.first() == Some(&0x30) {
        return described(bytes).map(|one| vec![one]);
    }
    CertificateDer::pem_slice_iter(bytes)
        .map(|found| described(&found.map_err(|error| error.to_string())?))
        .collect()
}

/// The fingerprint of a certificate as DER, and whose it says it is.
fn described(der: &[u8]) -> Result<(String, String), String> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| "it can't be read".to_owned())?;
    if !rest.is_empty() {
        return Err("something stands behind it".to_owned());
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    let digits = digest.as_ref().iter();
    let digits: String = digits.map(|byte| format!("{byte:02x}")).collect();
    let subject = certificate.subject().to_string();
    let about = base::Line::clean(&subject).map_or_else(String::new, |(line, _)| line.to_string());
    Ok((digits, about))
}

#[cfg(test)]
mod tests {
    //! A certificate is found in whatever people have of it.

    use super::{Named, named};

    const DIGITS: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn what_openssl_prints_names_it() {
        let colons: Vec<&str> = DIGITS
            .as_bytes()
            .chunks(2)
            .map(|it| std::str::from_utf8(it).unwrap())
            .collect();
        let colons = colons.join(":").to_ascii_uppercase();
        for text in [
            format!("sha256:{DIGITS}"),
            format!("SHA256:{colons}"),
            format!("sha256 Fingerprint={colons}"),
        ] {
            let wanted = (Named::Fingerprint(DIGITS.to_owned()), None);
            assert_eq!(named(&text).unwrap(), wanted, "{text}");
        }
        let wanted = Named::Numbered {
            issuer: DIGITS.to_owned(),
            serial: "01:AF".to_owned(),
        };
        let found = named(&format!("issuer={DIGITS} serial=01:AF")).unwrap();
        assert_eq!(found, (wanted, None));
        for wrong in [
            "sha256:abcd".to_owned(),
            format!("issuer={DIGITS}"),
            format!("issuer={DIGITS} serial=1 more"),
            "issuer=ab serial=1".to_owned(),
            "/no/such/file".to_owned(),
        ] {
            assert!(named(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_holds_one_as_pem_or_der() {
        let place = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            rcgen::generate_simple_self_signed(vec![name.to_owned()])
                .unwrap()
                .cert
        };
        let (one, other) = (made("one.example"), made("other.example"));
        let path = |name: &str| place.path().join(name).display().to_string();
        let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).unwrap();
        write("one.pem", one.pem().as_bytes());
        write("one.der", one.der());
        let two = format!("{}{}", one.pem(), other.pem());
        write("two.pem", two.as_bytes());
        write(
            "none.pem",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        );
        write("empty", b"");
        write("longer.der", &[one.der().as_ref(), b"x"].concat());
        let (pem, about) = named(&path("one.pem")).unwrap();
        assert!(matches!(&pem, Named::Fingerprint(digits) if digits.len() == 64));
        assert!(about.unwrap().contains("CN="));
        assert_eq!(named(&path("one.der")).unwrap().0, pem);
        let two = named(&path("two.pem")).unwrap_err();
        assert_eq!(two.hints.len(), 2);
        for wrong in ["none.pem", "empty", "longer.der"] {
            assert!(named(&path(wrong)).is_err(), "{wrong}");
        }
    }
}
