//! Each mistake: where it is told, and in which words.

use super::*;

/// `text`, and each line that has to be told, in order; `…` stands for anything.
fn wrong(text: &str, expected: &[&str]) {
    let wrong = Config::parse(text).err().unwrap_or_default();
    let told: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    let fits = told.len() == expected.len()
        && told
            .iter()
            .zip(expected)
            .all(|(told, expected)| match expected.split_once('…') {
                Some((before, after)) => told.starts_with(before) && told.ends_with(after),
                None => told == expected,
            });
    assert!(
        fits,
        "{text}\n--- told:\n{}\n--- expected:\n{}",
        told.join("\n"),
        expected.join("\n")
    );
}

/// The least file, with lines at the end of its route.
fn route(lines: &str) -> String {
    format!("{LEAST}{lines}\n")
}

/// The least file, with lines at the end of its upstream: from line 4 on.
fn upstream(lines: &str) -> String {
    LEAST.replace("[[route]]", &format!("{lines}\n[[route]]"))
}

/// The least file, with one tenant and lines at its end: from line 9 on.
fn tenant(lines: &str) -> String {
    format!("{LEAST}[[tenant]]\nhosts = [\"a.example\"]\nname = \"a\"\n{lines}\n")
}

#[test]
fn it_is_told_as_a_compiler_does() {
    let text = LEAST.replace("to = \"shop\"", "to = \"shpo\"");
    let wrong = Config::parse(&text).unwrap_err();
    assert_eq!(
        wrong.first().unwrap().at("edge.toml"),
        "edge.toml:6:6: route.to: there is no upstream \"shpo\"; did you mean \"shop\"?"
    );
}

#[test]
fn all_of_them_are_told_at_once() {
    wrong(
        "worker = 4\ndrain_ms = 0\ncell = 7\n[conection]\n[[listen]]\naddress = \":80\"\ntls = \"yes\"\n\
         [access_log]\naddresses = \"ful\"\n",
        &[
            "1:1: worker: there is no such setting; did you mean \"workers\"?",
            "2:12: drain_ms: a number from 1 to 86400000 stands here",
            "3:8: cell: a text in quotes stands here, not a whole number",
            "4:2: conection: there is no such setting; did you mean \"connection\"?",
            "6:11: listen.address: \":80\" is no address to listen on; write \"0.0.0.0:80\"…",
            "7:7: listen.tls: true or false stands here, not a text",
            "9:13: access_log.addresses: \"ful\" is none of the words for it; did you mean \"full\"?",
        ],
    );
    // What is no TOML is told as such, each place of it.
    let two = Config::parse("a = \nb = [1,,2]\n").unwrap_err();
    assert_eq!(
        two.iter().map(|wrong| wrong.line).collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(two.iter().all(|wrong| wrong.key.is_empty()));
}

#[test]
fn columns_are_characters() {
    wrong(
        "cell = \"é\"\n\"ü\" = 1\n",
        &[
            "1:8: cell: a name is…",
            "2:1: ü: there is no such setting;…",
        ],
    );
    wrong(
        "bans = [\"é\", \"é\"]",
        &["1:14: bans: \"é\" stands here twice"],
    );
}

#[test]
fn shapes_are_told() {
    wrong(
        "[listen]\naddress = \"127.0.0.1:1\"",
        &["1:1: listen: there may be several: a table stands here; write [[listen]]"],
    );
    wrong(
        "connection = 1",
        &["1:14: connection: a table stands here, not a whole number"],
    );
    wrong(
        "trusted = \"10.0.0.1\"",
        &["1:11: trusted: a list of texts in brackets stands here, not a text"],
    );
    wrong(
        "trusted = [1]",
        &["1:12: trusted: a text in quotes stands here, not a whole number"],
    );
    wrong(
        "workers = 1.5",
        &["1:11: workers: a whole number stands here, not a number with a point"],
    );
    wrong(
        &upstream("health = { every_ms = 1 }"),
        &[
            "4:10: upstream.health.path: this has to stand here",
            "4:23: upstream.health.every_ms: asked every 1 ms, an answer can't be waited for 2000 ms",
        ],
    );
    wrong(
        &route("headers = { a = 1 }"),
        &["7:17: route.headers: a text in quotes stands here, not a whole number"],
    );
    wrong(
        &LEAST.replace("[\"127.0.0.1:8080\"]", "[8080]"),
        &["3:12: upstream.servers: a text in quotes, or a table stands here, not a whole number"],
    );
    wrong(
        &route("limits = [\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]"),
        &[
            "7:10: route.limits: there are 9 of them, and at most 8 can be",
            "7:11: …",
            "7:15: …",
            "7:19: …",
            "7:23: …",
            "7:27: …",
            "7:31: …",
            "7:35: …",
            "7:39: …",
        ],
    );
}

#[test]
fn names_are_names_and_stand_there_once() {
    wrong(
        &LEAST.replace("\"all\"", "\"All\""),
        &["5:8: route.name: a name is 1 to 64 lower-case letters, digits, - and _; write \"all\""],
    );
    wrong(
        &LEAST.replace("\"all\"", "\"\""),
        &["5:8: route.name: a name is…"],
    );
    wrong(
        &LEAST.replace("\"all\"", &format!("\"{}\"", "a".repeat(65))),
        &["5:8: route.name: a name is…"],
    );
    wrong("cell = \"a b\"", &["1:8: cell: a name is…"]);
    let second = "[[route]]\nname = \"all\"\npath = \"/a\"\nrespond = { status = 200 }\n";
    wrong(
        &LEAST.replace("[[route]]", &format!("{second}[[route]]")),
        &["9:8: route.name: there are two routes \"all\""],
    );
    let second = "[[upstream]]\nname = \"shop\"\nservers = [\"a:1\"]\n";
    wrong(
        &format!("{second}{LEAST}"),
        &[
            "2:8: upstream: no route leads to the upstream \"shop\";…",
            "5:8: upstream.name: there are two upstreams \"shop\"",
        ],
    );
}

#[test]
fn names_that_are_mentioned_exist() {
    wrong(
        &route("tenant = \"a\""),
        &["7:10: route.tenant: there is no tenant \"a\""],
    );
    wrong(
        &route("limits = [\"a\"]"),
        &["7:11: route.limits: there is no limit \"a\""],
    );
    wrong(
        &LEAST.replace("\"shop\"\nservers", "\"a\"\nservers"),
        &["6:6: route.to: there is no upstream \"shop\""],
    );
    let tenants =
        "[[tenant]]\nname = \"a\"\nhosts = [\"a\"]\n[[tenant]]\nname = \"b\"\nhosts = [\"b\"]\n";
    wrong(
        &format!("{LEAST}{tenants}"),
        &["4:1: route.tenant: there are several tenants, so the route has to say whose it is"],
    );
}

#[test]
fn what_nobody_uses_is_told() {
    let unused = "[[upstream]]\nname = \"other\"\nservers = [\"a:1\"]\n";
    wrong(
        &format!("{LEAST}{unused}"),
        &[
            "8:8: upstream: no route leads to the upstream \"other\"; name it in a route's to, or take it out",
        ],
    );
    let unused = "[[limit]]\nname = \"each\"\nkey = \"address\"\nrate = { requests = 1 }\n";
    wrong(
        &format!("{LEAST}{unused}"),
        &["8:8: limit: no route has the limit \"each\", so it limits nothing;…"],
    );
    let unused = "[[tenant]]\nname = \"b\"\nhosts = [\"b\"]\n";
    let text = tenant("").replace("to = \"shop\"", "to = \"shop\"\ntenant = \"a\"") + unused;
    wrong(
        &text,
        &["13:8: tenant: the tenant \"b\" has no route: each of its requests would be refused;…"],
    );
}

#[test]
fn hosts_are_hosts() {
    for (host, told) in [
        (
            "A.example",
            "\"A.example\" has capitals, and hosts are compared in lower case; write \"a.example\"",
        ),
        (
            "a.example:80",
            "a host stands here without its port; write \"a.example\"",
        ),
        (
            "https://a.example",
            "\"https://a.example\" is no host; leave out scheme and path",
        ),
        ("a..example", "\"a..example\" is no host"),
        ("-a.example", "\"-a.example\" is no host"),
        ("a.example.", "\"a.example.\" is no host"),
        ("", "\"\" is no host"),
        ("::1", "\"::1\" lacks brackets; write \"[::1]\""),
        (
            "[0::1]",
            "\"[0::1]\" is not how that address is written (RFC 5952); write \"[::1]\"",
        ),
        (
            "a.*.example",
            "\"a.*.example\": a star stands alone or, with a dot, at the beginning: \"*.example.org\"",
        ),
        (
            "ä.example",
            "\"ä.example\" is not ASCII, and hosts come as ASCII; write it in its xn-- form (RFC 5890)",
        ),
    ] {
        let text = tenant("").replace("\"a.example\"", &format!("{host:?}"));
        wrong(&text, &[&format!("8:10: tenant.hosts: {told}")]);
    }
    wrong(
        &tenant("").replace("[\"a.example\"]", "[]"),
        &["8:9: tenant.hosts: no host stands here,…"],
    );
    wrong(
        &tenant("").replace("[\"a.example\"]", "[\"a\", \"a\"]"),
        &["8:15: tenant.hosts: \"a\" stands here twice"],
    );
    for good in [
        "[::1]",
        "127.0.0.1",
        "localhost",
        "a_b.internal",
        "xn--bcher-kva.example",
    ] {
        parsed(&tenant("").replace("a.example", good));
    }
}

#[test]
fn a_place_is_one_tenants() {
    let two = |a: &str, b: &str| {
        let route = |name: &str| {
            format!(
                "[[route]]\nname = \"{name}\"\ntenant = \"{name}\"\nrespond = {{ status = 200 }}\n"
            )
        };
        format!(
            "[[tenant]]\nname = \"a\"\n{a}\n[[tenant]]\nname = \"b\"\n{b}\n{}{}",
            route("a"),
            route("b")
        )
    };
    let hosts = "hosts = [\"x\", \"y.example\"]";
    wrong(
        &two(hosts, "hosts = [\"z\", \"y.example\"]"),
        &[
            "6:15: tenant.hosts: \"y.example\" is the tenant \"a\"'s already; tell them apart by paths or a header",
        ],
    );
    wrong(
        &two(
            "hosts = [\"*.x\"]\npaths = [\"/a\", \"/b\"]",
            "hosts = [\"*.x\"]\npaths = [\"/b\"]",
        ),
        &["7:10: tenant.hosts: \"*.x\" is…"],
    );
    parsed(&two(hosts, &format!("{hosts}\npaths = [\"/b\"]")));
    parsed(&two(
        hosts,
        &format!("{hosts}\nheader = {{ name = \"X-B\", value = \"1\" }}"),
    ));
    parsed(&two("hosts = [\"*\"]", "hosts = [\"*.b\"]"));
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("\"/{n}\""))
            .collect::<Vec<_>>()
            .join(",")
    };
    let names = (0..10_000)
        .map(|n| format!("\"a{n}\""))
        .collect::<Vec<_>>()
        .join(",");
    let full = format!("hosts = [{names}]\npaths = [{}]", many(64));
    let text = two(&full, &full.replace("\"a", "\"b"));
    wrong(
        &text,
        &["1:1: tenant: 1280000 hosts with their paths; at most 1000000"],
    );
}

#[test]
fn a_route_that_nothing_reaches_is_told() {
    let two = |first: &str, second: &str| {
        format!(
            "[[route]]\nname = \"first\"\n{first}\nrespond = {{ status = 200 }}\n\
             [[route]]\nname = \"second\"\n{second}\nrespond = {{ status = 200 }}\n"
        )
    };
    for (first, second) in [
        ("", ""),
        ("", "path = \"/a\""),
        ("path = \"/*\"", "host = \"*\""),
        ("path = \"/a/*\"", "path = \"/a\""),
        ("path = \"/a/*\"", "path = \"/a/\""),
        ("path = \"/a/*\"", "path = \"/a/b/c/*\""),
        ("path = \"/a\"", "path = \"/a\""),
        ("host = \"*.b\"", "host = \"a.b\""),
        ("host = \"*.b\"", "host = \"*.a.b\""),
        ("host = \"a.b\"", "host = \"a.b\"; path = \"/c\""),
        ("methods = [\"GET\", \"HEAD\"]", "methods = [\"HEAD\"]"),
        (
            "headers = { A = \"1\" }",
            "headers = { a = \"1\", b = \"2\" }",
        ),
    ] {
        let text = two(&first.replace("; ", "\n"), &second.replace("; ", "\n"));
        let line = text
            .lines()
            .position(|line| line.contains("second"))
            .unwrap()
            + 1;
        let told = format!(
            "{line}:8: route: no request comes here: the route \"first\" before it takes them all; move it before \"first\", or take it out"
        );
        wrong(&text, &[&told]);
    }
    for (first, second) in [
        ("path = \"/a/*\"", "path = \"/ab\""),
        ("path = \"/a\"", "path = \"/a/*\""),
        ("path = \"/a\"", "path = \"/a/\""),
        ("host = \"*.b\"", "host = \"b\""),
        ("host = \"*.b\"", ""),
        ("host = \"a.b\"", "host = \"*.b\""),
        ("methods = [\"GET\"]", ""),
        ("methods = [\"GET\"]", "methods = [\"GET\", \"HEAD\"]"),
        ("headers = { a = \"1\" }", "headers = { a = \"2\" }"),
        ("headers = { a = \"1\" }", ""),
    ] {
        parsed(&two(first, second));
    }
}

#[test]
fn a_routes_host_is_its_tenants() {
    let with = |hosts: &str, host: &str| {
        format!(
            "[[tenant]]\nname = \"a\"\nhosts = [{hosts}]\n[[route]]\nname = \"r\"\nhost = \"{host}\"\nrespond = {{ status = 200 }}\n"
        )
    };
    for (hosts, host) in [
        ("\"a.b\"", "c.b"),
        ("\"*.b\"", "b"),
        ("\"*.b\"", "*.c"),
        ("\"b\"", "*.b"),
    ] {
        wrong(
            &with(hosts, host),
            &[&format!(
                "6:8: route.host: {host:?} is none of its tenant's hosts, so no request would come here"
            )],
        );
    }
    for (hosts, host) in [
        ("\"a.b\"", "*.b"),
        ("\"*.a.b\"", "*.b"),
        ("\"*.b\"", "*.a.b"),
        ("\"*.b\"", "a.b"),
        ("\"*\"", "q"),
        ("\"q\"", "*"),
    ] {
        parsed(&with(hosts, host));
    }
}

#[test]
fn a_route_asks_for_what_its_tenant_has() {
    let with = |of_tenant: &str, of_route: &str| {
        format!(
            "[[tenant]]\nname = \"a\"\nhosts = [\"a\"]\n{of_tenant}\n[[route]]\nname = \"r\"\n{of_route}\nrespond = {{ status = 200 }}\n"
        )
    };
    for path in ["/cart", "/shopping", "/shopping/*", "/b/*"] {
        wrong(
            &with(
                "paths = [\"/shop\", \"/a/b\"]",
                &format!("path = \"{path}\""),
            ),
            &[
                "7:8: route.path: that is below none of its tenant's paths, so no request would come here",
            ],
        );
    }
    for path in ["/shop", "/shop/", "/shop/*", "/shop/a/*", "/a/*", "/*"] {
        parsed(&with(
            "paths = [\"/shop\", \"/a/b\"]",
            &format!("path = \"{path}\""),
        ));
    }
    let header = "header = { name = \"X-Stage\", value = \"live\" }";
    wrong(
        &with(header, "headers = { x-stage = \"test\" }"),
        &[
            "7:11: route.headers: the tenant's requests have another \"x-stage\", so no request would come here",
        ],
    );
    parsed(&with(header, "headers = { x-stage = \"live\" }"));
}

#[test]
fn paths_are_paths() {
    for (path, told) in [
        ("a", "\"a\" does not begin with a slash; write \"/a\""),
        (
            "/a/../b",
            "\"/a/../b\" has a dot segment, and no request has one",
        ),
        ("/./b", "\"/./b\" has a dot segment, and no request has one"),
        ("/a//b", "\"/a//b\" has an empty segment"),
        (
            "/a?b",
            "\"/a?b\": only the path is compared, not what follows ? or #",
        ),
        (
            "/%2e",
            "\"/%2e\": after % come two digits, 0 to 9 or A to F",
        ),
        (
            "/%2E",
            "\"/%2E\": %2E is refused in requests, so that would never come",
        ),
        (
            "/%2F",
            "\"/%2F\": %2F is refused in requests, so that would never come",
        ),
        (
            "/a b",
            "\"/a b\" has a character that no path has; write it as % and two digits",
        ),
        (
            "/ä",
            "\"/ä\" has a character that no path has; write it as % and two digits",
        ),
        (
            "/a*",
            "\"/a*\": a star stands at the end only, after a slash, and only in a route's path; write \"/shop/*\" for /shop and what lies below",
        ),
        (
            "/a//*",
            "\"/a/\" ends with a slash; write \"/a\": that holds what lies below",
        ),
    ] {
        wrong(
            &route(&format!("path = {path:?}")),
            &[&format!("7:8: route.path: {told}")],
        );
    }
    wrong(
        &tenant("paths = [\"/\"]"),
        &["10:10: tenant.paths: every path is below /; leave it out"],
    );
    wrong(
        &tenant("paths = [\"/a/\"]"),
        &["10:10: tenant.paths: \"/a/\" ends with a slash;…"],
    );
    wrong(&tenant("paths = [\"/a/*\"]"), &["10:10: tenant.paths: …"]);
    wrong(
        &upstream("health = { path = \"healthz\" }"),
        &[
            "4:19: upstream.health.path: \"healthz\" does not begin with a slash; write \"/healthz\"",
        ],
    );
    parsed(&upstream("health = { path = \"/healthz?deep=1\" }"));
    for path in ["/", "/a/", "/%C3%A4", "/a;b=c/d,e"] {
        parsed(&route(&format!("path = {path:?}")));
    }
}

#[test]
fn methods_and_headers_are_tokens() {
    wrong(
        &route("methods = [\"get\"]"),
        &[
            "7:12: route.methods: methods are case-sensitive: \"get\" would never come; write \"GET\"",
        ],
    );
    wrong(
        &route("methods = [\"G T\"]"),
        &["7:12: route.methods: \"G T\" is no method (RFC 9110, 9.1)"],
    );
    wrong(
        &route("headers = { \"a b\" = \"1\" }"),
        &["7:13: route.headers: \"a b\" is no name of a header (RFC 9110, 5.1)"],
    );
    wrong(
        &route("headers = { a = \" 1\" }"),
        &[
            "7:17: route.headers: a header's value neither begins nor ends with a space: none would be equal",
        ],
    );
    wrong(
        &route("headers = { a = \"\" }"),
        &["7:17: route.headers: a header's value is 1 to 1024 visible ASCII characters"],
    );
    wrong(
        &route("headers = { a = \"1\", A = \"2\" }"),
        &["7:22: route.headers: \"a\" stands here twice: a header's name is the same in capitals"],
    );
    wrong(
        &route("headers = { Host = \"a\" }"),
        &["7:13: route.headers: the host has a key of its own; write host = \"…\""],
    );
    wrong(
        &tenant("header = { name = \"a:\", value = \"1\" }"),
        &["10:19: tenant.header.name: \"a:\" is no name of a header (RFC 9110, 5.1)"],
    );
}

#[test]
fn listeners_agree() {
    let listen =
        |address: &str, more: &str| format!("[[listen]]\naddress = \"{address}\"\n{more}\n");
    wrong(
        &(listen("127.0.0.1:80", "") + &listen("127.0.0.1:80", "")),
        &["5:11: listen.address: 127.0.0.1:80 is listened on already"],
    );
    parsed(&(listen("127.0.0.1:0", "") + &listen("127.0.0.1:0", "")));
    parsed(&listen("0.0.0.0:80", "redirect_to_https = true"));
    wrong(
        &listen("localhost:80", ""),
        &["2:11: listen.address: \"localhost:80\" is no address to listen on;…"],
    );
    wrong(
        "[[listen]]\ntls = false\n",
        &["1:1: listen.address: this has to stand here"],
    );
    wrong(
        &listen("0.0.0.0:443", "tls = true"),
        &[
            "3:7: listen.tls: there is no certificate to show; add [[certificate]] with chain_file and key_file, or [acme]",
        ],
    );
    let files = "[[certificate]]\nchain_file = \"a\"\nkey_file = \"b\"\n";
    wrong(
        &(listen("0.0.0.0:443", "tls = true\nredirect_to_https = true") + files),
        &["4:21: listen.redirect_to_https: who comes here speaks https already"],
    );
    wrong(
        &listen("0.0.0.0:80", "proxy_protocol = true"),
        &[
            "3:18: listen.proxy_protocol: nobody is trusted to send a PROXY header, so every connection would be refused; name who may in trusted",
        ],
    );
    wrong(
        files,
        &["1:1: certificate: no listener speaks TLS, so nobody would see it;…"],
    );
}

#[test]
fn certificates_are_files() {
    let listen = "[[listen]]\naddress = \"127.0.0.1:443\"\ntls = true\n";
    wrong(
        &format!("{listen}[[certificate]]\nchain_file = \"a\"\n"),
        &["4:1: certificate.key_file: this has to stand here"],
    );
    wrong(
        &format!("{listen}[[certificate]]\nchain_file = \"\"\nkey_file = \"b\"\n"),
        &["5:14: certificate.chain_file: that names no file"],
    );
    wrong(
        &format!(
            "{listen}[[certificate]]\nchain_file = \"a\"\nkey_file = \"-----BEGIN PRIVATE KEY-----\"\n"
        ),
        &[
            "6:12: certificate.key_file: what the file holds stands here; write it into a file that only the edge's user can read, and name that",
        ],
    );
}

#[test]
fn acme_can_be_done() {
    let tls = "[[listen]]\naddress = \"127.0.0.1:443\"\ntls = true\n";
    let plain = "[[listen]]\naddress = \"127.0.0.1:80\"\n";
    let acme = |directory: &str, names: &str| {
        format!("{tls}{plain}[acme]\ndirectory = \"{directory}\"\nnames = [{names}]\n")
    };
    let good = "https://ca.example/directory";
    parsed(&acme(good, "\"a.example\""));
    for directory in [
        "http://127.0.0.1:14000/dir",
        "http://localhost/dir",
        "http://[::1]:1/dir",
        "https://ca.example:8443/",
    ] {
        parsed(&acme(directory, "\"a.example\""));
    }
    wrong(
        &acme("http://ca.example/dir", "\"a\""),
        &[
            "7:13: acme.directory: who hands out certificates is asked over https; write \"https://ca.example/dir\"",
        ],
    );
    wrong(
        &acme("http://127.0.0.1.example/dir", "\"a\""),
        &["7:13: acme.directory: who hands out certificates is asked over https;…"],
    );
    wrong(
        &acme("ftp://a", "\"a\""),
        &["7:13: acme.directory: \"ftp://a\" does not begin with https://"],
    );
    wrong(
        &acme("https://u@ca.example/", "\"a\""),
        &["7:13: acme.directory: \"https://u@ca.example/\" is no address of a CA"],
    );
    wrong(
        &acme(good, ""),
        &["8:9: acme.names: no name stands here, so there is nothing to ask for"],
    );
    wrong(
        &acme(good, "\"*.a.example\""),
        &[
            "8:10: acme.names: HTTP-01 can't show that \"*.a.example\" is yours; name each host, or bring a certificate of your own",
        ],
    );
    wrong(
        &acme(good, "\"127.0.0.1\""),
        &["8:10: acme.names: \"127.0.0.1\" is an address; certificates are asked for names"],
    );
    wrong(
        &(acme(good, "\"a\"") + "contact = [\"ops\"]\n"),
        &["9:12: acme.contact: \"ops\" is nobody to write to; write \"mailto:ops@example.org\""],
    );
    wrong(
        &acme(good, "\"a\"").replace(plain, ""),
        &["4:1: acme: the CA asks over plain HTTP (HTTP-01), and no listener is plain;…"],
    );
    wrong(
        &acme(good, "\"a\"").replace("tls = true\n", ""),
        &["5:1: acme: no listener speaks TLS, so nobody would see it;…"],
    );
}

#[test]
fn client_certificates_can_be_checked() {
    wrong(
        &tenant("client_certificates = { optional = true }"),
        &[
            "10:23: tenant.client_certificates.ca_files: this has to stand here",
            "10:23: tenant.client_certificates: no listener speaks TLS, so nobody can show one",
        ],
    );
    let tls = "[[listen]]\naddress = \"127.0.0.1:443\"\ntls = true\n[[certificate]]\nchain_file = \"a\"\nkey_file = \"b\"\n";
    wrong(
        &(tenant("client_certificates = { ca_files = [] }") + tls),
        &["10:36: tenant.client_certificates.ca_files: without a CA no certificate is good"],
    );
}

#[test]
fn servers_are_hosts_and_ports() {
    let servers = |list: &str| LEAST.replace("[\"127.0.0.1:8080\"]", list);
    wrong(
        &servers("[]"),
        &["3:11: upstream.servers: no server stands here, so nobody would answer"],
    );
    wrong(
        &LEAST.replace("servers = [\"127.0.0.1:8080\"]\n", ""),
        &["1:1: upstream.servers: this has to stand here"],
    );
    for (server, told) in [
        (
            "shop",
            "\"shop\" has no port; write \"127.0.0.1:8080\" or \"shop.internal:8080\"",
        ),
        ("::1", "\"::1\" has no port;…"),
        (
            "http://shop:80/",
            "a server is host and port; whether it is TLS says upstream.tls; write \"shop:80\"",
        ),
        ("shop:0", "\"0\" is no port: 1 to 65535"),
        ("shop:65536", "\"65536\" is no port: 1 to 65535"),
        ("shop:+1", "\"+1\" is no port: 1 to 65535"),
        (
            "Shop:1",
            "\"Shop\" has capitals, and hosts are compared in lower case; write \"shop\"",
        ),
    ] {
        wrong(
            &servers(&format!("[\"{server}\"]")),
            &[&format!("3:12: upstream.servers: {told}")],
        );
    }
    wrong(
        &servers("[\"a:1\", \"a:1\"]"),
        &[
            "3:19: upstream.servers: \"a:1\" stands here twice; give it a weight: { address, weight }",
        ],
    );
    wrong(
        &servers("[{ address = \"a:1\", weight = 0 }]"),
        &["3:40: upstream.servers.weight: a number from 1 to 1000 stands here"],
    );
    wrong(
        &servers("[{ weight = 1 }]"),
        &["3:12: upstream.servers.address: this has to stand here"],
    );
    parsed(&servers("[\"[::1]:80\", \"my_app:8080\"]"));
}

#[test]
fn no_time_is_nothing() {
    for key in ["connect_ms", "answer_ms", "between_bytes_ms", "idle_ms"] {
        let column = key.len() + 4;
        wrong(
            &upstream(&format!("{key} = 0")),
            &[&format!(
                "4:{column}: upstream.{key}: a number from 1 to 86400000 stands here"
            )],
        );
    }
}

#[test]
fn rates_let_something_through() {
    wrong(
        &tenant("rate = { requests = 0 }"),
        &["10:21: tenant.rate.requests: a number from 1 to…"],
    );
    wrong(
        &tenant("rate = { requests = 1, burst = 0 }"),
        &["10:32: tenant.rate.burst: a number from 1 to…"],
    );
    wrong(
        &tenant("rate = { requests = 1, per_ms = 0 }"),
        &["10:33: tenant.rate.per_ms: a number from 1 to…"],
    );
    wrong(
        &tenant("rate = { burst = 2 }"),
        &["10:8: tenant.rate.requests: this has to stand here"],
    );
}

#[test]
fn a_request_meets_eight_limits_at_most() {
    let names: Vec<String> = (0..8).map(|n| format!("l{n}")).collect();
    let limits = names.iter().fold(String::new(), |text, name| {
        text + &format!(
            "[[limit]]\nname = \"{name}\"\nkey = \"header:x-{name}\"\nrate = {{ requests = 1 }}\n"
        )
    });
    let text = route(&format!("limits = {names:?}")) + &limits;
    parsed(&text);
    let text = text + "[[tenant]]\nname = \"a\"\nhosts = [\"*\"]\nrate = { requests = 1 }\n";
    wrong(
        &text,
        &[
            "7:10: route.limits: a request would meet 9 limits, the tenant's rate among them; at most 8",
        ],
    );
}

#[test]
fn limits_count_by_something() {
    let limit = |key: &str| {
        route("limits = [\"each\"]")
            + &format!("[[limit]]\nname = \"each\"\nkey = \"{key}\"\nrate = {{ requests = 1 }}\n")
    };
    for good in ["tenant", "route", "address", "header:X-Api-Key"] {
        parsed(&limit(good));
    }
    wrong(
        &limit("ip"),
        &["10:7: limit.key: \"ip\" is nothing to count by; write…"],
    );
    wrong(
        &limit("header:"),
        &["10:7: limit.key: \"\" is no name of a header (RFC 9110, 5.1)"],
    );
}

#[test]
fn a_route_does_one_thing() {
    wrong(
        "[[route]]\nname = \"a\"\n",
        &["1:1: route.to: a route has one of to, files, redirect and respond, and this one none"],
    );
    wrong(
        &route("respond = { status = 200 }"),
        &["7:11: route.respond: the route has to already, and does one thing only"],
    );
    wrong(
        &LEAST.replace("to = \"shop\"", "to = []"),
        &[
            "2:8: upstream: no route leads to…",
            "6:6: route.to: no upstream stands here",
        ][1..],
    );
    for key in [
        "mirror = { directory = \"d\" }",
        "failover = { wait_ms = 1 }",
        "retry = { attempts_max = 1 }",
        "keep_host = true",
        "websocket = true",
    ] {
        let name = key.split(' ').next().unwrap();
        let text = format!("[[route]]\nname = \"a\"\nrespond = {{ status = 200 }}\n{key}\n");
        wrong(
            &text,
            &[&format!(
                "4:{}: route.{name}: that goes with to, which this route doesn't have",
                name.len() + 4
            )],
        );
    }
    wrong(
        &route("failover = { wait_ms = 1 }"),
        &[
            "7:12: route.failover: there is nothing to fail over to; name a second upstream in to, or a mirror",
        ],
    );
    parsed(&route(
        "mirror = { directory = \"/d\" }\nfailover = { wait_ms = 0 }",
    ));
    let http2 =
        LEAST.replace("[[route]]", "protocol = \"http2\"\n[[route]]") + "websocket = true\n";
    wrong(
        &http2,
        &[
            "8:13: route.websocket: the upstream \"shop\" speaks HTTP/2, and WebSockets pass over HTTP/1.1 only",
        ],
    );
}

#[test]
fn answers_are_answers() {
    let action = |line: &str| format!("[[route]]\nname = \"a\"\n{line}\n");
    wrong(
        &action("respond = { status = 199 }"),
        &["3:22: route.respond.status: a number from 200 to 599 stands here"],
    );
    wrong(
        &action("respond = { status = 204, body = \"a\" }"),
        &["3:34: route.respond.body: an answer with status 204 has no body (RFC 9110, 15)"],
    );
    let long = "a".repeat(65_537);
    wrong(
        &action(&format!("respond = {{ body = \"{long}\" }}")),
        &[
            "3:20: route.respond.body: an answer of 65537 bytes; at most 65536; write it into a file, and use files",
        ],
    );
    wrong(
        &action("redirect = { to = \"/a\", status = 304 }"),
        &["3:34: route.redirect.status: a redirect is 301, 302, 303, 307 or 308"],
    );
    for to in [
        "a",
        "//evil.example",
        "javascript:x",
        "https://",
        "https:///a",
        "/a b",
        "/a\\r\\nSet-Cookie: a",
    ] {
        wrong(
            &action(&format!("redirect = {{ to = \"{to}\" }}")),
            &[
                "3:19: route.redirect.to: …is neither a path nor begins with http(s)://, in visible ASCII",
            ],
        );
    }
    parsed(&action(
        "redirect = { to = \"https://a.example/b?c=d\", status = 308 }",
    ));
    wrong(
        &action("files = { directory = \"\" }"),
        &["3:23: route.files.directory: that names no file"],
    );
    wrong(
        &action("files = { directory = \"/d\", not_found = \"../x\" }"),
        &["3:41: route.files.not_found: \"../x\" is no file within the directory"],
    );
    wrong(
        &action("files = { directory = \"/d\", index = \"/x\" }"),
        &["3:37: route.files.index: \"/x\" is no file within the directory"],
    );
}

#[test]
fn who_is_trusted_is_named() {
    wrong(
        "trusted = [\"0.0.0.0/0\"]",
        &[
            "1:12: trusted: everybody could say that they are somebody else; name the proxies that stand in front",
        ],
    );
    wrong(
        "trusted = [\"10.0.0.1/8\"]",
        &[
            "1:12: trusted: \"10.0.0.1/8\": bits are set beyond the prefix; its first address is 10.0.0.0",
        ],
    );
    wrong(
        "trusted = [\"proxy\"]",
        &["1:12: trusted: \"proxy\": that is no address, and no prefix like 192.0.2.0/24"],
    );
}

#[test]
fn what_fits_into_what_is_told() {
    wrong(
        "[connection]\nurl_bytes_max = 40000\n",
        &[
            "2:17: connection.url_bytes_max: a target of 40000 bytes doesn't fit into a head of 32768",
        ],
    );
    wrong(
        "[connection]\nhead_bytes_max = 4096\n",
        &[
            "2:18: connection.head_bytes_max: a target of 8192 bytes doesn't fit into a head of 4096",
        ],
    );
    wrong(
        &upstream("health = { path = \"/\", timeout_ms = 6000 }"),
        &[
            "4:37: upstream.health.timeout_ms: asked every 5000 ms, an answer can't be waited for 6000 ms",
        ],
    );
}
