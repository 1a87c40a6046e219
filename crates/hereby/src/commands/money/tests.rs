//! Money is counted exactly, in each currency's own smallest unit.

use super::{amount, minor};

#[test]
fn an_amount_goes_to_the_smallest_unit_and_back() {
    for (text, code, counted, shown) in [
        ("1200.50", "EUR", 120_050, "EUR 1200.50"),
        ("1200.5", "EUR", 120_050, "EUR 1200.50"),
        ("1200", "USD", 120_000, "USD 1200.00"),
        ("0.05", "EUR", 5, "EUR 0.05"),
        ("1200", "JPY", 1_200, "JPY 1200"),
        ("1.234", "KWD", 1_234, "KWD 1.234"),
        ("0.1", "TND", 100, "TND 0.100"),
        ("0", "EUR", 0, "EUR 0.00"),
    ] {
        let currency = code.parse().unwrap();
        assert_eq!(minor(text, currency), Ok(counted), "{text} {code}");
        assert_eq!(amount(counted, currency), shown);
    }
}

#[test]
fn what_is_no_amount_is_refused() {
    let eur = "EUR".parse().unwrap();
    for text in [
        "",
        ".",
        ".5",
        "5.",
        "-5",
        "+5",
        "1,200",
        "1 200",
        "1e3",
        "1.2.3",
        "1.005",
        "x",
        "٣",
        "9999999999999999",
    ] {
        assert!(minor(text, eur).is_err(), "{text}");
    }
    assert!(minor("12.50", "JPY".parse().unwrap()).is_err());
    assert!(minor("1.2345", "BHD".parse().unwrap()).is_err());
}
