//! Why a start failed, said so that it can be acted on.

use engine::CannotStart;
use engine::ports::ReadError;

use super::unstarted;
use crate::exit::Exit;

#[test]
fn an_archive_that_is_not_mounted_is_not_called_corruption() {
    let archived = ReadError::Archived {
        index: 3,
        place: "/mnt/archive".to_owned(),
    };
    let failure = unstarted(CannotStart::Read(archived));
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.why.unwrap().contains("/mnt/archive"));
    assert_eq!(failure.hints, ["mount the archive, then start again"]);
    let damaged = unstarted(CannotStart::Read(ReadError::Damaged("a byte".to_owned())));
    assert_eq!(damaged.exit, Exit::Untrusted);
}
