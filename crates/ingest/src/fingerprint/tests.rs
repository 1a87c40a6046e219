//! Vectors that the real Alertmanager 0.25.0 gave: posted to `/api/v2/alerts`, read back there.

use super::of_labels;

#[test]
fn fingerprints_are_those_of_the_real_alertmanager() {
    let vectors: &[(&[(&str, &str)], &str)] = &[
        (
            &[
                ("alertname", "CheckoutErrorsHigh"),
                ("drill", "true"),
                ("instance", "web-3:9100"),
                ("job", "checkout"),
                ("service", "checkout"),
                ("severity", "critical"),
            ],
            "a4ed21bc52e026c3",
        ),
        (
            &[("alertname", "Überlast"), ("grund", "größer \" \\ 日本 😀")],
            "b663bc12c06fb308",
        ),
        (&[("alertname", "NoStart")], "8d07b427d90c7f1d"),
        (&[("alertname", "GoodBesideBad")], "e2e8f0c93461b4f4"),
        (&[("b", "1")], "02957199a0ccbf96"),
        (&[("a", "1")], "d3b971819376d835"),
    ];
    for (labels, expected) in vectors {
        assert_eq!(of_labels(labels.iter().copied()), *expected, "{labels:?}");
    }
}

#[test]
fn where_a_name_ends_matters() {
    let one = of_labels([("ab", "c")]);
    assert_ne!(one, of_labels([("a", "bc")]));
    assert_ne!(one, of_labels([("ab", "c"), ("d", "e")]));
}
