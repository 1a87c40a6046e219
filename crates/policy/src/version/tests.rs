//! The same files give the same bytes, and what must not be in a version is found.

use super::*;

const SITE: &str = "[[listen]]\naddress = \"127.0.0.1:7780\"\n[[tenant]]\nname = \"shop\"\nhosts = [\"*\"]\n\
                    [[route]]\nname = \"all\"\nfiles = { directory = \"www\" }\n";

fn files(some: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    let some = some.iter();
    some.map(|(path, content)| ((*path).to_owned(), content.to_vec()))
        .collect()
}

fn flaws(some: &[(&str, &[u8])]) -> Vec<String> {
    let flaws = Version::new(None, files(some)).unwrap_err();
    flaws.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_packed_is_read_again_and_has_one_spelling() {
    let all: &[(&str, &[u8])] = &[
        ("www/index.html", b"<p>hello</p>"),
        ("www/a.png", &[0x89, 0x50, 0xff, 0x00]),
        (CONFIG, SITE.as_bytes()),
    ];
    let (version, config) = Version::new(None, files(all)).unwrap();
    assert_eq!(config.tenants.len(), 1);
    let bytes = version.to_bytes();
    assert_eq!(Version::parse(&bytes).unwrap(), (version.clone(), config));
    assert_eq!(version.files().len(), 3);
    let text = String::from_utf8(bytes).unwrap();
    for other in [
        text.replace("\"v\":1", "\"v\": 1"),
        text.replace("\"v\":1", "\"v\":2"),
        text.replace("\"v\":1", "\"v\":1,\"w\":1"),
        text.replace("<p>hello</p>", "<p>\\u0068ello</p>"),
        text.replace("\"iVD/AA==\"", "\"iVD/AB==\""),
    ] {
        assert_ne!(other, text, "nothing was replaced");
        assert!(matches!(
            Version::parse(other.as_bytes()).unwrap_err()[..],
            [Flaw::Form(_)]
        ));
    }
}

#[test]
fn what_leads_elsewhere_is_secret_or_missing_is_no_part_of_it() {
    let index: (&str, &[u8]) = ("www/index.html", b"");
    let config = (CONFIG, SITE.as_bytes());
    assert_eq!(flaws(&[index]), ["there is no edge.toml"]);
    assert_eq!(
        flaws(&[config]),
        ["edge.toml names www/, which is not there"]
    );
    for path in [
        "../x",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "a b",
        "",
        "a\\b",
        "é",
    ] {
        let found = flaws(&[index, config, (path, b"")]);
        assert!(found[0].contains("no path of a version"), "{found:?}");
    }
    let key: (&str, &[u8]) = ("site.key", b"-----BEGIN PRIVATE KEY-----\nMC4C\n");
    assert!(flaws(&[index, config, key])[0].starts_with("site.key holds a private key"));
    let found = flaws(&[index, (CONFIG, b"[[listen]]\nadress = 1\n")]);
    assert!(
        found.iter().any(|flaw| flaw.starts_with("edge.toml:2:1: ")),
        "{found:?}"
    );
    assert_eq!(flaws(&[(CONFIG, &[0xff])]), ["edge.toml is not UTF-8"]);
}

#[test]
fn files_that_stay_on_a_machine_are_named_by_an_absolute_path() {
    let site = SITE.replace(":7780\"\n", ":7780\"\ntls = true\n");
    let text = |key: &str, log: &str| {
        format!(
            "{site}[[certificate]]\nchain_file = \"site.pem\"\nkey_file = \"{key}\"\n[access_log]\n\
             path = \"{log}\"\n"
        )
    };
    let some = |config: &str| {
        Version::new(
            None,
            files(&[
                ("www/index.html", b""),
                ("site.pem", b"-----BEGIN CERTIFICATE-----\n"),
                (CONFIG, config.as_bytes()),
            ]),
        )
    };
    assert!(some(&text("/etc/site.key", "/var/log/edge.log")).is_ok());
    assert!(some(&text("/etc/site.key", "-")).is_ok());
    let found = some(&text("site.key", "edge.log")).unwrap_err();
    assert!(
        matches!(
            found[..],
            [
                Flaw::NotAbsolute("certificate.key_file", _),
                Flaw::NotAbsolute("access_log.path", _)
            ]
        ),
        "{found:?}"
    );
}

#[test]
fn a_version_is_bounded() {
    let large = vec![b'x'; BYTES_MAX];
    assert!(flaws(&[(CONFIG, SITE.as_bytes()), ("www/a", &large)])[0].contains("at most"));
    let many: BTreeMap<String, Vec<u8>> = (0..=FILES_MAX)
        .map(|number| (format!("www/{number}"), Vec::new()))
        .collect();
    assert_eq!(
        Version::new(None, many).unwrap_err(),
        [Flaw::TooManyFiles(FILES_MAX + 1)]
    );
    // What is short may be long in JSON.
    let control = vec![0x01; BYTES_MAX / 3];
    assert!(matches!(
        Version::new(
            None,
            files(&[(CONFIG, SITE.as_bytes()), ("www/a", &control)])
        )
        .unwrap_err()[..],
        [Flaw::TooLong(_)]
    ));
    assert!(matches!(
        Version::parse(&vec![b' '; BYTES_MAX + 1]).unwrap_err()[..],
        [Flaw::TooLong(_)]
    ));
}

#[test]
fn a_tenants_own_says_where_its_requests_go_and_whose_it_is() {
    let shop: Tenant = "shop".parse().unwrap();
    let own = "[[upstream]]\nname = \"api\"\nservers = [\"127.0.0.1:9000\"]\n\
               [[route]]\nname = \"all\"\nto = \"api\"\n";
    let of = |text: &str| Version::new(Some(shop.clone()), files(&[(CONFIG, text.as_bytes())]));
    let (version, _) = of(own).unwrap();
    let text = String::from_utf8(version.to_bytes()).unwrap();
    assert!(text.contains("\"tenant\":\"shop\""), "{text}");
    let (again, _) = Version::parse(text.as_bytes()).unwrap();
    assert_eq!(again.tenant(), Some(&shop));
    // Another's with the same files is another version.
    let fleets = Version::new(None, files(&[(CONFIG, own.as_bytes())])).unwrap();
    assert_ne!(fleets.0.to_bytes(), version.to_bytes());
    for (more, key) in [
        ("[[listen]]\naddress = \"127.0.0.1:1\"\n", "listen"),
        ("[connection]\nhead_ms = 1\n", "connection"),
        ("[overload]\nlag_ms_max = 1\n", "overload"),
        ("[access_log]\npath = \"-\"\n", "access_log"),
    ] {
        let found = of(&format!("{own}{more}")).unwrap_err();
        assert_eq!(found, [Flaw::NotATenants(key)]);
    }
    let named = own.replace("to = ", "tenant = \"web\"\nto = ")
        + "[[tenant]]\nname = \"web\"\nhosts = [\"*\"]\n";
    assert_eq!(of(&named).unwrap_err(), [Flaw::NotATenants("tenant")]);
}
