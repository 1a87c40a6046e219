//! Who came in with a certificate, as the record and the edge beside it have it: at which tenants,
//! since when, and whether anybody came in after it was revoked.

use base::Timestamp;
use serde_json::Value;

use super::certificate::{self, Named};
use crate::cli::containment::RevokeArgs;
use crate::commands::{Session, wire};
use crate::exit::{Exit, Failure};
use crate::say::{Line, Style, counted, duration, stamp};

impl Session<'_> {
    /// Says it.
    pub(super) async fn recorded(&self, args: &RevokeArgs) -> Result<(), Failure> {
        let (named, about) = certificate::named(&args.certificate)?;
        let name = match named {
            Named::Fingerprint(digits) => digits,
            Named::Numbered { issuer, serial } => format!("{issuer}:{}", spelled(&serial)),
        };
        let found: Value = self
            .client
            .read(&format!("/api/v1/certificates/{name}"))
            .await?;
        if self.out.is_json() {
            return self.out.json(&found);
        }
        let found: wire::CertificateUses = serde_json::from_value(found).map_err(|error| {
            Failure::new(Exit::Internal, "the answer can't be read").because(error)
        })?;
        self.print(told(&found, about.as_deref()))?;
        if !found.edge {
            self.out.warn(
                "no edge answers here: what was counted since the record was last told is missing",
            );
        }
        Ok(())
    }
}

/// A number in its one spelling: whole bytes, none of them zero at the front.
fn spelled(serial: &str) -> String {
    let digits: String = serial.chars().filter(|digit| *digit != ':').collect();
    let digits = digits.to_ascii_lowercase();
    let digits = digits.trim_start_matches('0');
    match digits.len() {
        0 => "00".to_owned(),
        odd if odd % 2 == 1 => format!("0{digits}"),
        _ => digits.to_owned(),
    }
}

fn told(found: &wire::CertificateUses, about: Option<&str>) -> Vec<Line> {
    let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
    let name = Line::new().styled(Style::Bold, &*found.certificate);
    let revoked = found.revoked.as_ref().map(|revoked| &revoked.said);
    let mut lines = vec![match (found.uses.len(), revoked) {
        (0, None) => name.text(format!("{about}: nobody is known to have come with it")),
        (_, None) => name.text(format!("{about} is not revoked")),
        (_, Some(said)) => name.text(format!(
            "{about} is revoked since {}, by {}",
            stamp(said.at),
            said.by
        )),
    }];
    if let (0, Some(_)) = (found.uses.len(), revoked) {
        lines.push(Line::new().text("nobody is known to have come with it"));
    }
    for one in &found.uses {
        lines.push(
            Line::new()
                .styled(Style::Bold, format!("tenant {}", one.tenant))
                .text(format!(" of cell {}", one.cell)),
        );
        lines.extend(rows(one, revoked.map(|said| said.at)));
    }
    lines
}

fn rows(one: &wire::CertificateUse, revoked_at: Option<Timestamp>) -> Vec<Line> {
    let row = |name: &str, text: String| {
        Line::new()
            .styled(Style::Dim, format!("  {name:<9}"))
            .text(text)
    };
    let requests = |through: u64, refused: u64| {
        format!("{} let in, {refused} refused", counted(through, "request"))
    };
    let mut lines = vec![
        row("since", stamp(one.first_at)),
        row("last", stamp(one.last_at)),
    ];
    let Some(revoked_at) = revoked_at else {
        lines.push(row("so far", requests(one.let_through, one.refused)));
        lines.push(row("from", one.prefixes.join(", ")));
        return lines;
    };
    let before = one.let_through.saturating_sub(one.let_through_after);
    lines.push(row(
        "before",
        requests(before, one.refused.saturating_sub(one.refused_after)),
    ));
    let after = row("after", String::new());
    let said = requests(one.let_through_after, one.refused_after);
    lines.push(match one.let_through_after {
        0 => after.text(said),
        _ => after.styled(Style::Bad, said),
    });
    // An edge is told by a file that it looks for: for a moment it does not know yet.
    let late = |last: &Timestamp| one.let_through_after == 0 && *last > revoked_at;
    if let Some(last) = one.last_let_through_at.filter(late) {
        let late = duration(last.ms_since(revoked_at));
        let text = format!("the last came in {late} after it was said, before the edge had heard");
        lines.push(row("", text));
    }
    lines.push(row("from", one.prefixes.join(", ")));
    lines
}
