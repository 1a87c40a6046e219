//! A runbook is what its page says, or the line that says why not.

use super::runbook;

#[test]
fn a_page_is_its_first_heading_and_its_list_items() {
    let page = runbook(
        "# Fail the database over\n\nOnly if db-1 is gone for good.\n\n\
         - [ ] Fence db-1\n- [x] Promote db-2\n\n```sh\n- no step\n```\n\n## Then\n\
         * Point the pool at db-2\n+ Watch it\n1. Tell the public\n2) Done\n",
    )
    .unwrap();
    assert_eq!(page.title.as_str(), "Fail the database over");
    let steps: Vec<&str> = page.steps.iter().map(base::Line::as_str).collect();
    assert_eq!(
        steps,
        [
            "Fence db-1",
            "Promote db-2",
            "Point the pool at db-2",
            "Watch it",
            "Tell the public",
            "Done",
        ]
    );
    assert_eq!(page.others, 5);
}

#[test]
fn what_is_no_runbook_is_refused_with_its_line() {
    let long = format!("# T\n- {}\n", "x".repeat(201));
    let many = format!("# T\n{}", "- x\n".repeat(65));
    for (text, why) in [
        ("", "it has no heading"),
        ("just text\n", "it has no heading"),
        ("# T\n", "it has no step"),
        ("# T\n#hashtag\n", "it has no step"),
        ("- a\n# T\n", "line 1: a step before the title"),
        (
            "# T\n- a\n  - b\n",
            "line 3: a step stands at the beginning",
        ),
        ("# T\n- a\nand more of it\n", "line 3: a step is one line"),
        ("# T\n- a\n  and more of it\n", "line 3: a step is one line"),
        ("# T\n- \n", "it has no step"),
        (
            "# T\n- [ ] \n",
            "line 2: the step can't be taken: it is empty",
        ),
        (
            "# T\n- a\u{1b}[2J\n",
            "line 2: the step can't be taken: character U+001B",
        ),
        (&long, "line 2: the step can't be taken: it has 201 bytes"),
        (&many, "line 66: one step too many"),
        (
            "# T\n```\n- a\n",
            "the block that begins with ``` has no end",
        ),
    ] {
        let error = runbook(text).unwrap_err();
        assert!(error.starts_with(why), "{text:?}: {error}");
    }
    assert!(runbook(&" ".repeat(65_537)).is_err());
}

#[test]
fn as_many_steps_as_a_runbook_takes_are_taken() {
    let page = runbook(&format!("# T\n{}", "- x\n".repeat(64))).unwrap();
    assert_eq!((page.steps.len(), page.others), (64, 0));
}
