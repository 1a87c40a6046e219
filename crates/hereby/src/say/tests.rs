//! What leaves the process is escaped, wrapped and complete; and an [`Out`] for other tests.

use std::io::{ErrorKind, Write};
use std::sync::{Arc, Mutex};

use base::Timestamp;

use super::{Line, Out, Sink, Style, clock, duration, escaped, hanging, stamp, table, wrapped};
use crate::exit::{Exit, Failure};

/// What was written.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An output that keeps what is written: itself, its stdout, its stderr.
pub(crate) fn captured(json: bool) -> (Out, Captured, Captured) {
    let (stdout, stderr) = (Captured::default(), Captured::default());
    let sink = |to: &Captured| {
        Mutex::new(Sink {
            to: Box::new(to.clone()),
            color: false,
        })
    };
    let out = Out {
        stdout: sink(&stdout),
        stderr: sink(&stderr),
        width: Some(80),
        json,
        quiet: false,
        progress: false,
    };
    (out, stdout, stderr)
}

#[test]
fn text_from_outside_cannot_act_on_a_terminal() {
    assert_eq!(escaped("a\x1b[2Jb"), r"a\u{1b}[2Jb");
    assert_eq!(escaped("a\rb\u{9b}c\x7f"), r"a\u{d}b\u{9b}c\u{7f}");
    assert_eq!(
        escaped("user\u{202e}gnp.exe\u{2066}"),
        r"user\u{202e}gnp.exe\u{2066}"
    );
    assert_eq!(escaped("a\tb\nc"), "a    b\nc");
    assert_eq!(escaped("größer 大きい 🔥"), "größer 大きい 🔥");
    let line = Line::new().styled(Style::Bad, "x\x1b]0;title\x07");
    assert_eq!(line.render(false), "x\\u{1b}]0;title\\u{7}\n");
}

#[test]
fn colour_is_switched_off_where_it_was_switched_on() {
    let line = Line::new().text("a ").styled(Style::Bold, "b").text(" c");
    assert_eq!(line.render(true), "a \x1b[1mb\x1b[0m c\n");
    assert_eq!(line.render(false), "a b c\n");
}

#[test]
fn documents_begin_with_their_version_and_hold_no_controls() {
    let (out, stdout, _) = captured(true);
    out.json(&serde_json::json!({ "b": "x\u{7f}\u{9b}\u{202e}", "a": 1 }))
        .unwrap();
    out.json(&serde_json::json!([1])).unwrap();
    out.json(&serde_json::json!({})).unwrap();
    let text = stdout.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(r#"{"v":1,"#), "{}", lines[0]);
    assert!(
        lines[0].contains(r#""x\u007f\u009b\u202e""#),
        "{}",
        lines[0]
    );
    let value: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(value["b"], "x\u{7f}\u{9b}\u{202e}");
    assert_eq!(lines[1..], [r#"{"v":1,"value":[1]}"#, r#"{"v":1}"#]);
}

fn failure() -> Failure {
    let mut failure = Failure::new(Exit::Refused, "INC-7 is resolved")
        .because("it was resolved by sam")
        .hint("hereby reopen INC-7");
    failure.reason = Some("wrong_state".to_owned());
    failure
}

#[test]
fn a_failure_says_what_why_and_what_next() {
    let (out, stdout, stderr) = captured(false);
    out.failure(&failure());
    assert_eq!(stdout.text(), "");
    assert_eq!(
        stderr.text(),
        "error: INC-7 is resolved\n  why: it was resolved by sam\n next: hereby reopen INC-7\n"
    );
}

#[test]
fn a_failure_is_one_document_on_stderr() {
    let (out, stdout, stderr) = captured(true);
    out.talk("not now");
    out.failure(&failure());
    assert_eq!(stdout.text(), "");
    let document: serde_json::Value = serde_json::from_str(&stderr.text()).unwrap();
    assert_eq!(document["v"], 1);
    assert_eq!(document["error"]["exit"], 3);
    assert_eq!(document["error"]["outcome"], "refused");
    assert_eq!(document["error"]["reason"], "wrong_state");
    assert_eq!(document["error"]["hints"][0], "hereby reopen INC-7");
}

#[test]
fn quiet_keeps_data_and_warnings() {
    let (mut out, stdout, stderr) = captured(false);
    out.quiet = true;
    out.talk("talk");
    out.warn("careful");
    out.data("data").unwrap();
    assert_eq!(stdout.text(), "data\n");
    assert_eq!(stderr.text(), "warning: careful\n");
}

struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Err(self.0.into())
    }
}

#[test]
fn a_reader_that_left_is_no_failure_and_a_full_disk_is() {
    for (kind, exit) in [
        (ErrorKind::BrokenPipe, Exit::Done),
        (ErrorKind::StorageFull, Exit::Internal),
    ] {
        let (mut out, _, stderr) = captured(false);
        out.stdout = Mutex::new(Sink {
            to: Box::new(Broken(kind)),
            color: false,
        });
        let failure = out.data("x").unwrap_err();
        assert_eq!(failure.exit, exit);
        out.failure(&failure);
        assert_eq!(stderr.text().is_empty(), exit == Exit::Done);
    }
}

#[test]
fn times_are_utc_and_say_so() {
    let at: Timestamp = "2017-12-21T07:52:03.999Z".parse().unwrap();
    assert_eq!(clock(at), "07:52:03Z");
    assert_eq!(stamp(at), "2017-12-21 07:52:03Z");
}

#[test]
fn durations_have_two_units_at_most() {
    for (ms, text) in [
        (0, "0 s"),
        (999, "0 s"),
        (61_000, "1 min 1 s"),
        (60_000, "1 min"),
        (7_500_000, "2 h 5 min"),
        (7_200_000 + 5_000, "2 h"),
        (90 * 86_400_000, "90 d"),
        (-61_000, "1 min 1 s"),
        (i64::MIN, "106751991167 d 7 h"),
    ] {
        assert_eq!(duration(ms), text, "{ms}");
    }
}

#[test]
fn lines_break_at_spaces_and_never_run_over() {
    let text = "one two three four five six seven";
    assert_eq!(
        wrapped(text, Some(20)),
        ["one two three four", "five six seven"]
    );
    assert_eq!(wrapped(text, None), [text]);
    assert_eq!(wrapped("a\n\nb", Some(20)), ["a", "", "b"]);
    let word = "x".repeat(45);
    assert_eq!(
        wrapped(&word, Some(20)),
        [&word[..20], &word[..20], &word[..5]]
    );
    for line in wrapped(&"大きい字 ".repeat(20), Some(21)) {
        assert!(super::wrap::columns(&line) <= 21, "{line}");
    }
    assert_eq!(super::wrap::columns("e\u{301}大🔥a"), 6);
}

#[test]
fn columns_line_up_and_the_last_one_hangs() {
    let row = |id: &str, text: &str| (vec![Line::from(id)], text.to_owned());
    let rows = vec![
        row("INC-1", "short"),
        row("INC-100", "a title that is longer than this"),
    ];
    let lines: Vec<String> = table(&["ID", "TITLE"], rows, Some(30))
        .iter()
        .map(|line| line.render(false))
        .collect();
    assert_eq!(
        lines.concat(),
        "ID       TITLE\n\
         INC-1    short\n\
         INC-100  a title that is\n\
         \x20        longer than this\n"
    );
    assert_eq!(hanging(Line::from("only"), 6, "", Some(40)).len(), 1);
}
