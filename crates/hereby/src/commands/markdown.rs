//! A runbook out of Markdown: its first heading and its list items. Strict, and with line numbers;
//! what is neither is counted, so that it can be said that it was not kept.

use base::Line;

/// The most steps of a runbook.
const STEPS_MAX: usize = 64;

/// The longest file that is read, in bytes.
pub(super) const BYTES_MAX: usize = 65_536;

/// What a file says of a runbook.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) title: Line,
    pub(super) steps: Vec<Line>,
    /// How many lines with something on them are neither.
    pub(super) others: usize,
}

/// Reads a page. The error begins with the line, from 1, where it has one.
pub(super) fn runbook(text: &str) -> Result<Page, String> {
    if text.len() > BYTES_MAX {
        return Err(format!(
            "it has {} bytes, at most {BYTES_MAX} are read",
            text.len()
        ));
    }
    let mut reading = Reading::default();
    for (number, line) in (1..).zip(text.lines()) {
        reading
            .take(line)
            .map_err(|why| format!("line {number}: {why}"))?;
    }
    if let Some(fence) = reading.fence {
        return Err(format!("the block that begins with {fence} has no end"));
    }
    let title = reading
        .title
        .ok_or("it has no heading: the first one, `# What it is for`, is the runbook's title")?;
    if reading.steps.is_empty() {
        return Err(
            "it has no step: steps are list items, `- [ ] step`, `- step` or `1. step`".into(),
        );
    }
    Ok(Page {
        title,
        steps: reading.steps,
        others: reading.others,
    })
}

#[derive(Default)]
struct Reading {
    title: Option<Line>,
    steps: Vec<Line>,
    others: usize,
    /// What ends the block of code that was begun.
    fence: Option<String>,
    /// The line before was a step.
    after_step: bool,
}

impl Reading {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let after_step = std::mem::take(&mut self.after_step);
        let trimmed = line.trim();
        if let Some(fence) = &self.fence {
            if trimmed == fence {
                self.fence = None;
            }
            self.others += 1;
            return Ok(());
        }
        if trimmed.is_empty() {
            return Ok(());
        }
        let indented = line.starts_with([' ', '\t']);
        if let Some(text) = item(trimmed) {
            if indented {
                return Err("a step stands at the beginning of its line: steps do not nest".into());
            }
            return self.step(text);
        }
        if let Some(text) = heading(trimmed).filter(|_| !indented) {
            return self.heading(text);
        }
        if let Some(fence) = fence(trimmed) {
            self.fence = Some(fence);
        } else if after_step {
            return Err(
                "a step is one line: leave a blank line below it, or write it in one".into(),
            );
        }
        self.others += 1;
        Ok(())
    }

    fn heading(&mut self, text: &str) -> Result<(), String> {
        if self.title.is_some() {
            self.others += 1;
            return Ok(());
        }
        let title = text
            .parse()
            .map_err(|bad| format!("the title can't be taken: {bad}"))?;
        self.title = Some(title);
        Ok(())
    }

    fn step(&mut self, text: &str) -> Result<(), String> {
        if self.title.is_none() {
            return Err("a step before the title: the page begins with `# What it is for`".into());
        }
        if self.steps.len() == STEPS_MAX {
            return Err(format!(
                "one step too many: a runbook has at most {STEPS_MAX}"
            ));
        }
        let step = text
            .parse()
            .map_err(|bad| format!("the step can't be taken: {bad}"))?;
        self.steps.push(step);
        self.after_step = true;
        Ok(())
    }
}

/// The text of a heading: `## text`.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    ((1..=6).contains(&level) && text.starts_with(' ')).then(|| text.trim())
}

/// What a block of code begins and ends with: three or more backquotes or tildes.
fn fence(line: &str) -> Option<String> {
    let mark = line
        .chars()
        .next()
        .filter(|mark| matches!(mark, '`' | '~'))?;
    let fence: String = line.chars().take_while(|other| *other == mark).collect();
    (fence.len() >= 3).then_some(fence)
}

/// The text of a list item: `- text`, `* text`, `+ text`, `3. text`, `3) text`, any of them with a
/// box before the text.
fn item(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match digits {
        0 => line.strip_prefix(['-', '*', '+']),
        1..=9 => line.get(digits..)?.strip_prefix(['.', ')']),
        _ => None,
    };
    let text = mark?.strip_prefix(' ')?.trim();
    let boxed = ["[ ]", "[x]", "[X]"]
        .into_iter()
        .find_map(|empty| text.strip_prefix(empty));
    Some(boxed.map_or(text, str::trim))
}

#[cfg(test)]
mod tests;
