//! Figures of damage, and that what was not measured is not met.

use std::time::Duration;

use super::*;

fn second(sent: u64, failed: u64) -> Second {
    Second {
        sent,
        failed,
        degraded: 0,
    }
}

#[test]
fn damage_is_told_by_edge_and_beside_what_would_have_been() {
    let edges = [
        vec![second(20, 0), second(20, 0)],
        vec![second(20, 0), second(20, 12), second(20, 3)],
        vec![second(20, 1)],
    ];
    let now = Instant::now();
    let hurt = [
        (
            now + Duration::from_millis(100),
            now + Duration::from_millis(900),
        ),
        (now, now + Duration::from_millis(400)),
    ];
    let without = [second(60, 60), second(60, 60), second(40, 40)];
    let figures = damage(&edges, Some(&without), &hurt);
    let expected = [
        ("failed", 16),
        ("failed_elsewhere", 1),
        ("edges_hurt", 2),
        ("failed_without", 160),
        ("ratio", 10),
        ("failovers", 0),
        ("mitigate_ms", 900),
    ];
    for (name, value) in expected {
        assert_eq!(figures.get(name), Some(&value), "{name}");
    }
    assert_eq!(figures.len(), expected.len());
    let sum = summed(&edges);
    assert_eq!(sum, [second(60, 1), second(40, 12), second(20, 3)]);
    let other = |degraded| Second {
        degraded,
        ..second(20, 0)
    };
    let twice = [0, 3, 20, 0, 1, 0].map(other).to_vec();
    let figures = damage(&[twice, [0, 5].map(other).to_vec()], None, &[]);
    assert_eq!(figures.get("degraded"), Some(&29));
    assert_eq!(figures.get("failovers"), Some(&2));
    let none = damage(&[vec![second(5, 0)]], None, &[]);
    assert_eq!(none.get("failed"), Some(&0));
    assert_eq!(
        none.get("mitigate_ms"),
        None,
        "nothing was hurt: there is no such time"
    );
}

#[test]
fn what_was_not_measured_is_not_met() {
    let expect = |least, most| Expect {
        figure: "detect_ms".parse().unwrap(),
        least,
        most,
    };
    let figures = BTreeMap::from([("detect_ms".to_owned(), 500)]);
    let none = BTreeMap::new();
    let holds = |expect, figures| judged(&expect, figures).holds;
    assert!(holds(expect(None, Some(500)), &figures));
    assert!(!holds(expect(None, Some(499)), &figures));
    assert!(holds(expect(Some(500), None), &figures));
    assert!(!holds(expect(Some(501), None), &figures));
    assert!(!holds(expect(None, Some(500)), &none));
    assert!(!holds(expect(Some(0), None), &none));
}
