//! An overlay is read whole or refused whole.

use super::*;

fn parsed(text: &str) -> Result<Overlay, String> {
    parse(text.as_bytes())
}

#[test]
fn an_overlay_is_taken_whole_or_not_at_all() {
    let digest = "ab".repeat(32);
    let good = format!(
        r#"{{"version":1,"sequence":7,"bans":[{{"prefix":"192.0.2.0/24","until_s":null}}],
            "revoked":[{{"sha256":"{digest}"}},{{"issuer":"{digest}","serial":"1f0"}}],
            "failovers":[{{"route":"site","tier":1,"until_ms":5,"reason":"why"}}]}}"#
    );
    let overlay = parsed(&good).unwrap();
    assert_eq!(
        (overlay.sequence, overlay.bans.len(), overlay.revoked.len()),
        (7, 1, 2)
    );
    let Some(Item::Serial(_, serial)) = item(&overlay.revoked[1]) else {
        panic!("it names a serial number");
    };
    assert_eq!(Some(serial), Serial::new(&[0x01, 0xf0]));
    for (wrong, why) in [
        (
            good.replace("192.0.2.0/24", "192.0.2.1/24"),
            "no prefix and no certificate",
        ),
        (good.replacen(&digest, "zz", 1), "names no certificate"),
        (good.replace("\"version\":1", "\"version\":2"), "version"),
        (
            good.replace("\"sequence\"", "\"sequenze\""),
            "unknown field",
        ),
        ("{".to_owned(), "EOF"),
    ] {
        let said = parsed(&wrong).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
    }
}
