//! As much of Markdown as the checks need: links, headings, tables; fenced and inline code is not
//! text.
//!
//! No renderer: what it reads is the plain style these pages are written in (headings with `#`,
//! links on one line, tables with `|`).

/// A relative or absolute destination and where it is written, line from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) line: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    /// Line from 1, and the cells.
    pub(crate) rows: Vec<(usize, Vec<String>)>,
}

/// Every link, image, reference definition and HTML `href`, `src` outside code.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, raw) in prose(text) {
        let visible = without_code(raw);
        let mut add = |target: &str| {
            found.push(Link {
                target: target.to_owned(),
                line,
            })
        };
        for (at, _) in visible.match_indices("](") {
            add(destination(visible.get(at + 2..).unwrap_or_default()));
        }
        if let Some((label, target)) = visible.trim_start().split_once("]: ")
            && label.starts_with('[')
            && !label.starts_with("[^")
        {
            add(destination(target));
        }
        for attribute in ["href=\"", "src=\""] {
            for (at, _) in visible.match_indices(attribute) {
                let behind = visible.get(at + attribute.len()..).unwrap_or_default();
                add(behind.split('"').next().unwrap_or_default());
            }
        }
    }
    found
}

/// What can stand behind `#`: the headings as GitHub and mdBook name them, `{#id}`, `id="…"`.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, raw) in prose(text) {
        for (at, _) in raw.match_indices("id=\"") {
            let behind = raw.get(at + 4..).unwrap_or_default();
            found.push(behind.split('"').next().unwrap_or_default().to_owned());
        }
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let Some(heading) = raw.trim_start_matches('#').strip_prefix(' ') else {
            continue;
        };
        if !(1..=6).contains(&hashes) {
            continue;
        }
        if let Some((_, id)) = heading.trim_end().trim_end_matches('}').rsplit_once("{#") {
            found.push(id.to_owned());
            continue;
        }
        let plain = slug(heading);
        let numbered = (1..).map(|n| format!("{plain}-{n}"));
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        found.extend(names.find(|name| !found.contains(name)));
    }
    found
}

/// Every table, its cells as they are written.
pub(crate) fn tables(text: &str) -> Vec<Table> {
    let mut found: Vec<Table> = Vec::new();
    let mut previous: Option<(usize, Vec<String>)> = None;
    let mut open = false;
    for (line, raw) in prose(text) {
        if !raw.trim_start().starts_with('|') {
            previous = None;
            open = false;
            continue;
        }
        let row = cells(raw);
        if row
            .iter()
            .all(|cell| !cell.is_empty() && cell.chars().all(|c| "-: ".contains(c)))
        {
            if let Some((_, header)) = previous.take() {
                found.push(Table {
                    header,
                    rows: Vec::new(),
                });
                open = true;
            }
        } else if let Some(table) = found.last_mut().filter(|_| open) {
            table.rows.push((line, row));
        } else {
            previous = Some((line, row));
        }
    }
    found
}

/// What stands in single backticks.
pub(crate) fn code_spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Lines outside fenced code, numbered from 1.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fence: Option<&str> = None;
    let mut kept = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let marker = ["`", "~"].iter().find_map(|mark| {
            let length = trimmed.len() - trimmed.trim_start_matches(mark).len();
            (length >= 3).then(|| trimmed.get(..length)).flatten()
        });
        match (fence, marker) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if mark.starts_with(open) && trimmed.trim_end() == mark => {
                fence = None;
            }
            (None, None) => kept.push((number + 1, line)),
            (Some(_), _) => {}
        }
    }
    kept
}

/// The line with what stands between backticks turned to spaces.
fn without_code(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let mark_length = from.len() - from.trim_start_matches('`').len();
        let (mark, behind) = from.split_at(mark_length);
        let Some(end) = behind.find(mark) else {
            out.push_str(from);
            return out;
        };
        let span = mark_length + end + mark_length;
        out.extend(std::iter::repeat_n(' ', span));
        rest = from.get(span..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Of what follows `](` or `]: `: up to the title or the closing parenthesis.
fn destination(behind: &str) -> &str {
    if let Some(bracketed) = behind.strip_prefix('<') {
        return bracketed.split('>').next().unwrap_or_default();
    }
    let mut depth = 0_usize;
    let end = behind.find(|c: char| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' if depth > 0 => {
            depth -= 1;
            false
        }
        ')' => true,
        _ => c.is_whitespace(),
    });
    behind
        .get(..end.unwrap_or(behind.len()))
        .unwrap_or_default()
}

/// As GitHub and mdBook make an id of a heading.
fn slug(heading: &str) -> String {
    let mut shown = String::new();
    let mut rest = heading.trim();
    // Of `[text](target)` only the text is shown.
    while let Some((before, behind)) = rest.split_once("](") {
        shown.push_str(before);
        rest = behind.split_once(')').map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    shown
        .chars()
        .filter_map(|c| match c {
            _ if c.is_whitespace() => Some('-'),
            '-' | '_' => Some(c),
            _ if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// Splits at `|` outside backticks and not behind a backslash.
fn cells(row: &str) -> Vec<String> {
    let inner = row.trim().trim_start_matches('|');
    let mut found = Vec::new();
    let mut cell = String::new();
    let mut in_code = false;
    let mut previous = ' ';
    for c in inner.chars() {
        match c {
            '|' if !in_code && previous != '\\' => {
                found.push(cell.trim().to_owned());
                cell.clear();
            }
            _ => {
                in_code ^= c == '`';
                cell.push(c);
            }
        }
        previous = c;
    }
    if !cell.trim().is_empty() {
        found.push(cell.trim().to_owned());
    }
    found
}

#[cfg(test)]
mod tests;
