//! The reference says what holds, every mistake is found where it stands, and what is accepted is what
//! was meant.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use toml::de::{DeTable, DeValue};

use super::file::keys::{Key, Need, Section, Shape, TOP};
use super::file::nearest::nearest;
use super::file::{FILE_BYTES_MAX, Wrong, parse_without, schema, syntax};
use super::*;

mod mistakes;

const DOCUMENTED: &str = include_str!("../../../../docs/reference/edge.toml");
const HOW_TO: &str = include_str!("../../../../docs/how-to/edge.md");
const SCHEMA: &str = include_str!("../../../../docs/reference/edge.schema.json");

/// The least that does something.
const LEAST: &str = "[[upstream]]\nname = \"shop\"\nservers = [\"127.0.0.1:8080\"]\n\
                     [[route]]\nname = \"all\"\nto = \"shop\"\n";

/// Everything that is an example in the reference, as settings.
fn examples() -> String {
    DOCUMENTED
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line))
        .fold(String::new(), |text, line| text + line + "\n")
}

fn parsed(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|wrong| panic!("{text}\n{}", told(&wrong)))
}

fn told(wrong: &[Wrong]) -> String {
    wrong.iter().fold(String::new(), |text, wrong| {
        text + &wrong.at("edge.toml") + "\n"
    })
}

#[test]
fn the_documented_values_are_the_defaults() {
    assert_eq!(parsed(DOCUMENTED), Config::default());
    assert_eq!(parsed(""), Config::default());
}

#[test]
fn every_commented_example_is_valid() {
    // What this build can't do yet is documented all the same.
    let config = parse_without(&examples(), &[]).unwrap_or_else(|wrong| panic!("{}", told(&wrong)));
    assert_eq!(config.listen.len(), 3);
    assert_eq!(config.listen.first(), Some(&Listen::default()));
    assert_eq!((config.tenants.len(), config.upstreams.len()), (1, 2));
    assert_eq!((config.limits.len(), config.routes.len()), (2, 5));
    assert!(config.acme.is_some() && config.certificates.len() == 1);
    assert!(config.cohorts.len() == 4 && config.metrics.is_some());
}

#[test]
fn every_file_in_the_how_to_is_whole() {
    let mut read = 0;
    for block in HOW_TO.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        assert!(
            parse_without(text, &[]).is_ok(),
            "{text}\n{:?}",
            parse_without(text, &[])
        );
        read += 1;
    }
    assert!(read >= 5, "{read}");
    // The mistake that it shows is the first file's, with a letter swapped.
    let first = HOW_TO
        .split("```toml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let wrong = Config::parse(&first.replace("to = \"shop\"", "to = \"shpo\"")).unwrap_err();
    assert!(HOW_TO.contains(&told(&wrong)), "{}", told(&wrong));
}

/// Each section of the table, once.
fn sections() -> Vec<&'static Section> {
    fn go(section: &'static Section, all: &mut Vec<&'static Section>) {
        all.push(section);
        for key in section.keys {
            match key.shape {
                Shape::Table(inner) | Shape::Tables(inner, _) | Shape::TextsOrTables(inner, _) => {
                    go(inner, all);
                }
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    go(&TOP, &mut all);
    all
}

/// The paths of the keys that stand in the text, each with its values.
fn written(text: &str) -> BTreeSet<(String, String)> {
    fn go(text: &str, path: &str, value: &DeValue<'_>, all: &mut BTreeSet<(String, String)>) {
        match value {
            DeValue::Table(table) => {
                for (name, value) in table {
                    let name = name.get_ref();
                    let path = if path.is_empty() {
                        name.to_string()
                    } else {
                        format!("{path}.{name}")
                    };
                    let shown = text.get(value.span()).unwrap_or_default().to_owned();
                    all.insert((path.clone(), shown));
                    go(text, &path, value.get_ref(), all);
                }
            }
            DeValue::Array(array) => array
                .iter()
                .for_each(|value| go(text, path, value.get_ref(), all)),
            _ => {}
        }
    }
    let table = DeTable::parse(text).unwrap();
    let mut all = BTreeSet::new();
    go(text, "", &DeValue::Table(table.into_inner()), &mut all);
    all
}

#[test]
fn every_setting_stands_in_the_reference_with_its_default() {
    let written = written(&examples());
    for section in sections() {
        for key in section.keys {
            let path = section.path_of(key.name);
            let values: Vec<&str> = written
                .iter()
                .filter(|(other, _)| *other == path)
                .map(|(_, value)| value.as_str())
                .collect();
            assert!(
                !values.is_empty(),
                "{path} is not in docs/reference/edge.toml"
            );
            // These have a default that seldom is an example; comments say it.
            let told = [
                "acme.contact",
                "tenant.paths",
                "route.limits",
                "route.methods",
            ];
            let lists = ["[]", "\"\"", "200"];
            if let Need::Else(default) = key.need
                && !told.contains(&path.as_str())
                && !lists.contains(&default)
            {
                assert!(
                    values.contains(&default),
                    "{path} = {default} is not in the reference: {values:?}"
                );
            }
        }
    }
}

/// A file that is good and has this section once, at its end, with what it must have.
fn around(section: &Section) -> Option<String> {
    let tls = "[[listen]]\naddress = \"127.0.0.1:80\"\n[[listen]]\naddress = \"127.0.0.1:443\"\ntls = true\n";
    let files = "[[certificate]]\nchain_file = \"a\"\nkey_file = \"b\"\n";
    let upstream = "[[upstream]]\nname = \"shop\"\nservers = [\"127.0.0.1:8080\"]\n";
    let second = "[[upstream]]\nname = \"b\"\nservers = [\"127.0.0.1:8081\"]\n";
    let route = "[[route]]\nname = \"all\"\n";
    let tenant = "[[tenant]]\nname = \"t\"\nhosts = [\"a.example\"]\n";
    let limits = "limits = [\"each\"]\nto = \"shop\"\n";
    let limit = "[[limit]]\nname = \"each\"\nkey = \"address\"\n";
    Some(match section.path {
        "" => String::new(),
        "connection" | "http2" | "overload" | "access_log" => format!("[{}]\n", section.path),
        "metrics" => "[metrics]\nlisten = \"127.0.0.1:9780\"\n".to_owned(),
        "cohort" => "[[cohort]]\nname = \"office\"\naddresses = [\"192.0.2.0/24\"]\n".to_owned(),
        "listen" => "[[listen]]\naddress = \"127.0.0.1:80\"\n".to_owned(),
        "acme" => {
            format!("{tls}[acme]\ndirectory = \"https://ca.example/d\"\nnames = [\"a.example\"]\n")
        }
        "tenant" => format!("{upstream}{route}to = \"shop\"\n{tenant}"),
        "tenant.rate" => {
            format!("{upstream}{route}to = \"shop\"\n{tenant}[tenant.rate]\nrequests = 1\n")
        }
        "tenant.client_certificates" => format!(
            "{tls}{files}{upstream}{route}to = \"shop\"\n{tenant}[tenant.client_certificates]\nca_files = [\"c\"]\n"
        ),
        "upstream" => format!("{route}to = \"shop\"\n{upstream}"),
        "upstream.health" => {
            format!("{route}to = \"shop\"\n{upstream}[upstream.health]\npath = \"/\"\n")
        }
        "upstream.outlier" | "upstream.breaker" => {
            format!("{route}to = \"shop\"\n{upstream}[{}]\n", section.path)
        }
        "limit" => format!("{upstream}{route}{limits}{limit}rate = {{ requests = 1 }}\n"),
        "limit.rate" => format!("{upstream}{route}{limits}{limit}[limit.rate]\nrequests = 1\n"),
        "route" => format!("{upstream}{route}to = \"shop\"\n"),
        "route.challenge" => {
            format!("{upstream}{route}to = \"shop\"\n[route.challenge]\nbits = 9\n")
        }
        "route.failover" => {
            format!("{upstream}{second}{route}to = [\"shop\", \"b\"]\n[route.failover]\n")
        }
        "route.retry" => format!("{upstream}{route}to = \"shop\"\n[route.retry]\n"),
        "route.files" => format!("{route}[route.files]\ndirectory = \"/d\"\n"),
        "route.mirror" => {
            format!("{upstream}{route}to = \"shop\"\n[route.mirror]\ndirectory = \"/d\"\n")
        }
        "route.redirect" => format!("{route}[route.redirect]\nto = \"/\"\n"),
        "route.respond" => format!("{route}[route.respond]\n"),
        _ => return None,
    })
}

#[test]
fn a_default_that_is_written_down_changes_nothing() {
    let mut tried = 0;
    for section in sections() {
        let defaults = section.keys.iter().filter_map(|key| match key.need {
            Need::Else(default) => Some((key, default)),
            _ => None,
        });
        for (key, default) in defaults {
            // A server's weight stands in braces; it is tried on its own below.
            let Some(text) = around(section) else {
                assert_eq!(
                    section.path, "upstream.servers",
                    "no example of {}",
                    section.path
                );
                continue;
            };
            let explicit = format!("{text}{} = {default}\n", key.name);
            assert_eq!(
                parsed(&explicit),
                parsed(&text),
                "{}.{}",
                section.path,
                key.name
            );
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
    let braces = LEAST.replace(
        "\"127.0.0.1:8080\"",
        "{ address = \"127.0.0.1:8080\", weight = 1 }",
    );
    assert_eq!(parsed(&braces), parsed(LEAST));
}

#[test]
fn ranges_hold_at_both_ends() {
    for section in sections() {
        for key in section.keys {
            let (Shape::Number(least, most), Some(text)) = (key.shape, around(section)) else {
                continue;
            };
            let path = section.path_of(key.name);
            let with = |number: i128| {
                // What must stand there stands there already.
                let text: String = text
                    .lines()
                    .filter(|line| !line.starts_with(&format!("{} = ", key.name)))
                    .fold(String::new(), |text, line| text + line + "\n");
                Config::parse(&format!("{text}{} = {number}\n", key.name))
            };
            for outside in [i128::from(least) - 1, i128::from(most) + 1, -1, i128::MAX] {
                let wrong = with(outside).unwrap_err();
                assert!(
                    wrong
                        .iter()
                        .any(|wrong| wrong.key == path && wrong.what.contains("a number from")),
                    "{path} = {outside}: {}",
                    told(&wrong)
                );
            }
            for inside in [least, most] {
                if let Err(wrong) = with(inside.into()) {
                    // Others may not agree with it, but the range isn't what they say.
                    assert!(
                        !told(&wrong).contains("a number from"),
                        "{path}: {}",
                        told(&wrong)
                    );
                }
            }
        }
    }
}

#[test]
fn the_schema_is_made_from_what_is_read() {
    assert!(
        schema() == SCHEMA,
        "docs/reference/edge.schema.json is old: cargo run -p policy --example edge_schema > \
         docs/reference/edge.schema.json"
    );
    for section in sections() {
        for Key { name, .. } in section.keys {
            assert!(
                SCHEMA.contains(&format!("\"{name}\": {{")),
                "{}.{name}",
                section.path
            );
        }
    }
}

#[test]
fn the_least_that_does_something_has_a_tenant_and_a_listener() {
    let config = parsed(LEAST);
    assert_eq!(config.listen, [Listen::default()]);
    let tenant = config.tenants.first().unwrap();
    assert_eq!(
        (tenant.name.as_str(), &*tenant.hosts),
        ("default", &[HostPattern::Any][..])
    );
    let route = config.routes.first().unwrap();
    assert_eq!((route.tenant, &route.when), (TenantId(0), &When::default()));
    let Action::Forward(forward) = &route.action else {
        panic!("{route:?}");
    };
    assert_eq!(*forward.tiers, [Tier::Upstream(UpstreamId(0))]);
    assert!(forward.keep_host && !forward.websocket);
}

#[test]
fn what_is_written_is_what_holds() {
    let config = parse_without(&examples(), &[]).unwrap();
    let tenant = config.tenants.first().unwrap();
    assert_eq!(
        *tenant.hosts,
        [
            HostPattern::Exact("shop.example".to_owned()),
            HostPattern::Under(".shop.example".to_owned())
        ]
    );
    assert_eq!(
        tenant.header,
        Some(("x-stage".to_owned(), "live".to_owned()))
    );
    assert_eq!(
        tenant.rate,
        Some(Rate {
            requests: 100,
            per_ms: 1_000,
            burst: 200
        })
    );
    assert!(
        tenant
            .client_certificates
            .as_ref()
            .is_some_and(|mutual| !mutual.optional)
    );
    let each = config.limits.first().unwrap();
    assert_eq!((&each.key, each.rate.burst), (&LimitKey::Address, 20));
    let keyed = config.limits.get(1).unwrap();
    assert_eq!(keyed.key, LimitKey::Header("x-api-key".to_owned()));
    assert_eq!(
        keyed.rate,
        Rate {
            requests: 1_000,
            per_ms: 60_000,
            burst: 1_000
        }
    );
    let login = config.routes.first().unwrap();
    assert_eq!(
        login.when.path,
        Some(PathPattern::Exact("/shop/login".to_owned()))
    );
    assert_eq!(*login.limits, [LimitId(0), LimitId(1)]);
    assert_eq!(
        login.challenge,
        Some(Challenge {
            bits: 18,
            valid_ms: 3_600_000
        })
    );
    let Action::Forward(forward) = &config.routes.get(3).unwrap().action else {
        panic!("no forward");
    };
    assert!(matches!(
        *forward.tiers,
        [
            Tier::Upstream(UpstreamId(0)),
            Tier::Upstream(UpstreamId(1)),
            Tier::Mirror(_)
        ]
    ));
    let pictures = config.routes.get(1).unwrap();
    assert_eq!(
        pictures.when.path,
        Some(PathPattern::Below("/shop/pictures".to_owned()))
    );
}

#[test]
fn tls_brings_http2_unless_it_is_told_not_to() {
    let files = "[[certificate]]\nchain_file = \"a\"\nkey_file = \"b\"\n";
    let listen = |more: &str| {
        let text = format!("{files}[[listen]]\naddress = \"[::]:443\"\n{more}");
        parsed(&text).listen.first().unwrap().http2
    };
    assert!(listen("tls = true\n"));
    assert!(!listen("tls = true\nhttp2 = false\n"));
}

#[test]
fn what_this_build_cannot_do_is_refused() {
    const NOT_YET: &[(&str, &str)] = &[
        ("listen.proxy_protocol", "use X-Forwarded-For"),
        ("upstream.protocol=http2", "use http1"),
        ("upstream.tls", "reach it over a private network"),
    ];
    let text = "trusted = [\"10.0.0.0/8\"]\n[[listen]]\naddress = \"127.0.0.1:80\"\nproxy_protocol = true\n";
    let wrong = parse_without(text, NOT_YET).unwrap_err();
    assert_eq!(
        told(&wrong),
        "edge.toml:4:18: listen.proxy_protocol: this build can't do that yet; use X-Forwarded-For\n"
    );
    assert!(parse_without(&text.replace("= true", "= false"), NOT_YET).is_ok());
    assert!(parse_without(text, &[]).is_ok());
    let with = |line: &str| {
        parse_without(
            &LEAST.replace("[[route]]", &format!("{line}\n[[route]]")),
            NOT_YET,
        )
    };
    assert!(with("protocol = \"http1\"").is_ok());
    assert_eq!(with("protocol = \"http2\"").unwrap_err().len(), 1);
    assert_eq!(with("tls = { name = \"a\" }").unwrap_err().len(), 1);
    // What is listed has to be a setting, or the list protects nobody.
    for (key, instead) in file::NOT_YET {
        let path = key.split('=').next().unwrap();
        assert!(
            sections().iter().any(|section| section
                .keys
                .iter()
                .any(|key| section.path_of(key.name) == path)),
            "{path} is no setting"
        );
        assert!(!instead.is_empty());
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let wrong = Config::parse(&" ".repeat(FILE_BYTES_MAX + 1)).unwrap_err();
    assert!(told(&wrong).contains("larger than"), "{}", told(&wrong));
    assert!(Config::parse(&" ".repeat(FILE_BYTES_MAX)).is_ok());
}

#[test]
fn forty_thousand_routes_are_read_at_once() {
    // As many as fit: a thousand hosts, and paths that lie below each other.
    let mut text = String::from("[[upstream]]\nname=\"u\"\nservers=[\"a:1\"]\n");
    for n in 0..40_000 {
        let (host, path) = (n % 1_000, n / 1_000);
        let deep = "/a".repeat(40 - path);
        writeln!(
            text,
            "[[route]]\nname=\"r{n}\"\nhost=\"h{host}\"\npath=\"{deep}/*\"\nto=\"u\""
        )
        .unwrap();
    }
    let text = text.get(..FILE_BYTES_MAX).map_or(text.as_str(), |cut| cut);
    let cut = text.rfind("[[route]]").unwrap();
    let config = parsed(text.get(..cut).unwrap());
    assert!(config.routes.len() > 30_000, "{}", config.routes.len());
}

#[test]
fn a_thousand_mistakes_are_told_and_the_rest_counted() {
    let mut text = String::new();
    for n in 0..3_000 {
        writeln!(text, "nothing_{n} = 1").unwrap();
    }
    let wrong = Config::parse(&text).unwrap_err();
    assert_eq!(wrong.len(), 1_001);
    assert!(
        wrong.last().unwrap().what.contains("2000 more"),
        "{:?}",
        wrong.last()
    );
}

#[test]
fn what_was_meant_is_guessed_from_little() {
    let names = ["shop", "shop-2", "tenant", "between_bytes_ms"];
    for (word, meant) in [
        ("shpo", Some("shop")),
        ("sho", Some("shop")),
        ("Shop", Some("shop")),
        ("tennant", Some("tenant")),
        ("betwen_byte_ms", Some("between_bytes_ms")),
        ("hsop", Some("shop")),
        ("tneant", Some("tenant")),
        ("zebra", None),
        ("sxyp", None),
        ("", None),
    ] {
        assert_eq!(nearest(word, names), meant, "{word}");
    }
}

/// A request, as far as routes look at it: host, path, method, the value of `x`.
type Asked = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

fn holds(when: &When, asked: Asked) -> bool {
    let (host, path, method, value) = asked;
    let host = match &when.host {
        None | Some(HostPattern::Any) => true,
        Some(HostPattern::Exact(own)) => own == host,
        Some(HostPattern::Under(ending)) => host.len() > ending.len() && host.ends_with(ending),
    };
    let path = match &when.path {
        None => true,
        Some(PathPattern::Exact(own)) => own == path,
        Some(PathPattern::Below(own)) => path == own || path.starts_with(&format!("{own}/")),
    };
    host && path
        && (when.methods.is_empty() || when.methods.iter().any(|own| own == method))
        && when.headers.iter().all(|(_, own)| value == Some(own))
}

fn a_route() -> impl Strategy<Value = String> {
    let lines = (
        prop::sample::select(vec![
            "",
            "host = \"a.b\"\n",
            "host = \"*.b\"\n",
            "host = \"*.a.b\"\n",
        ]),
        prop::sample::select(vec![
            "",
            "path = \"/a\"\n",
            "path = \"/a/*\"\n",
            "path = \"/a/b\"\n",
            "path = \"/a/b/*\"\n",
        ]),
        prop::sample::select(vec![
            "",
            "methods = [\"GET\"]\n",
            "methods = [\"GET\", \"POST\"]\n",
        ]),
        prop::sample::select(vec![
            "",
            "headers = { x = \"1\" }\n",
            "headers = { X = \"2\" }\n",
        ]),
    );
    lines.prop_map(|(host, path, methods, headers)| format!("{host}{path}{methods}{headers}"))
}

/// The distance as the textbook has it.
fn typed_apart(a: &[u8], b: &[u8]) -> usize {
    match (a, b) {
        ([], rest) | (rest, []) => rest.len(),
        ([x, a_rest @ ..], [y, b_rest @ ..]) => {
            let mut least = typed_apart(a_rest, b_rest) + usize::from(x != y);
            least = least
                .min(typed_apart(a_rest, b) + 1)
                .min(typed_apart(a, b_rest) + 1);
            if let ([p, q, a_rest @ ..], [r, s, b_rest @ ..]) = (a, b)
                && p == s
                && q == r
            {
                least = least.min(typed_apart(a_rest, b_rest) + 1);
            }
            least
        }
    }
}

proptest! {
    /// What is guessed is as near as can be.
    #[test]
    fn guesses_are_the_nearest(word in "[abc]{1,6}", names in prop::collection::vec("[abc]{1,6}", 0..4)) {
        let allowed = (word.len() / 3).clamp(1, 3);
        let apart = |name: &String| typed_apart(word.as_bytes(), name.as_bytes());
        let meant = names.iter().filter(|name| apart(name) <= allowed).min_by_key(|name| apart(name));
        prop_assert_eq!(nearest(&word, names.iter().map(String::as_str)), meant.map(String::as_str));
    }

    /// A route is told to be unreachable exactly if one before it takes all that it would.
    #[test]
    fn unreachable_routes_are_those_that_get_nothing(lines in prop::collection::vec(a_route(), 1..6)) {
        let file = |lines: &[String]| lines.iter().enumerate().fold(String::new(), |text, (n, lines)| {
            text + &format!("[[route]]\nname = \"r{n}\"\n{lines}respond = {{ status = 200 }}\n")
        });
        let whens: Vec<When> = lines
            .iter()
            .map(|line| parsed(&file(core::slice::from_ref(line))).routes.remove(0).when.clone())
            .collect();
        let mut asked: Vec<Asked> = Vec::new();
        for host in ["b", "a.b", "c.b", "c.a.b", "d"] {
            for path in ["/", "/a", "/a/", "/ab", "/a/b", "/a/c", "/a/b/c"] {
                for method in ["GET", "POST", "PUT"] {
                    asked.extend([None, Some("1"), Some("2")].map(|x| (host, path, method, x)));
                }
            }
        }
        let nothing_left: Vec<usize> = (0..whens.len())
            .filter(|&later| (0..later).any(|earlier| {
                asked.iter().all(|&asked| !holds(&whens[later], asked) || holds(&whens[earlier], asked))
            }))
            .collect();
        let text = file(&lines);
        let told: Vec<usize> = Config::parse(&text)
            .err()
            .unwrap_or_default()
            .iter()
            .map(|wrong| text.lines().take(wrong.line as usize).filter(|line| line.starts_with("[[")).count() - 1)
            .collect();
        prop_assert_eq!(told, nothing_left, "{}", text);
    }

    /// Whatever stands there, it is read or refused, and each mistake has a place in the text.
    #[test]
    fn any_text_is_read_or_refused(
        lines in prop::collection::vec(
            prop_oneof![
                prop::sample::select(examples().lines().map(str::to_owned).collect::<Vec<_>>()),
                "[a-z_\\[\\]]{1,12} ?=? ?[a-z0-9\"'\\[\\]{}é,.*/-]{0,20}",
            ],
            0..40,
        )
    ) {
        let text = lines.join("\n");
        if let Err(wrong) = Config::parse(&text) {
            prop_assert!(!wrong.is_empty());
            for wrong in wrong {
                let line = text.split('\n').nth(wrong.line as usize - 1);
                prop_assert!(line.is_some(), "{wrong}\n{text}");
                let columns = line.unwrap_or_default().chars().count() + 1;
                prop_assert!((1..=columns).contains(&(wrong.column as usize)), "{wrong}\n{text}");
            }
        }
    }

    /// What is taken for a host, a path or a server never has what a request's can't have.
    #[test]
    fn what_is_taken_is_in_its_only_form(text in "[a-zA-Z0-9./%*:?#\\[\\] é_-]{0,24}") {
        if let Ok(host) = syntax::host(&text) {
            prop_assert!(!host.chars().any(|c| c.is_ascii_uppercase() || c == '/' || c == ' '));
        }
        if let Ok(path) = syntax::path(&text) {
            prop_assert!(path.starts_with('/') && !path.contains("//"));
            prop_assert!(!path.split('/').any(|part| part == "." || part == ".."));
        }
        if let Ok(server) = syntax::server(&text) {
            let (host, port) = server.rsplit_once(':').unwrap_or_default();
            prop_assert!(syntax::host(host).is_ok() && port.parse::<u16>().is_ok());
        }
    }
}

#[test]
fn a_cohort_is_of_a_header_or_of_addresses_and_figures_are_not_for_everybody() {
    let wrong = |text: &str| told(&Config::parse(text).unwrap_err());
    let header = "[[cohort]]\nname = \"a\"\nheader = \"user-agent\"\n";
    for unclear in [
        "[[cohort]]\nname = \"a\"\n".to_owned(),
        header.to_owned(),
        format!("{header}exact = \"x\"\nprefix = \"x\"\n"),
        format!("{header}exact = \"x\"\naddresses = [\"192.0.2.0/24\"]\n"),
        "[[cohort]]\nname = \"a\"\nexact = \"x\"\n".to_owned(),
    ] {
        assert!(wrong(&unclear).contains("is not clear"), "{unclear}");
    }
    let one = "[[cohort]]\nname = \"other\"\naddresses = [\"::1\"]\n";
    assert!(wrong(one).contains("belong to none"));
    let one = one.replace("other", "a");
    assert!(wrong(&format!("{one}{one}")).contains("already"));
    let many: String = (0..17)
        .map(|it| one.replace("\"a\"", &format!("\"a{it}\"")))
        .collect();
    assert!(wrong(&many).contains("16"));
    let every = "[metrics]\nlisten = \"0.0.0.0:9780\"\n";
    assert!(wrong(every).contains("figures are for few"));
    let twice =
        "[[listen]]\naddress = \"127.0.0.1:9780\"\n[metrics]\nlisten = \"127.0.0.1:9780\"\n";
    assert!(wrong(twice).contains("already"));
}
