//! A review as Markdown (CommonMark, with the tables of GitHub Flavored Markdown).
//!
//! Whatever people wrote stays text: every character that Markdown could read as more is escaped, and
//! lines and indentation stay as they were. Sentences of people are block quotes with their author
//! below, hereby's own are not.

use std::fmt::Write as _;

use record::kinds::review::ReviewAudience;

use super::document::{Block, Citation, Document, Fact, Moment, Saying, Table};

/// The document as Markdown.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut writer = Writer {
        out: String::new(),
        shows_acts: document.audience != ReviewAudience::Customers,
    };
    writer.document(document);
    writer.out
}

struct Writer {
    out: String,
    /// Customers see neither who said it inside nor which act it was.
    shows_acts: bool,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn document(&mut self, document: &Document) {
        self.line(&format!("# {}", inline(&document.title)));
        self.line("");
        for mark in &document.marks {
            self.line(&format!("**{}** {}", mark.word, inline(&mark.says)));
            self.line("");
        }
        if let Some(made_from) = &document.made_from {
            self.line(&format!(
                "{} Block quotes are what people said.",
                inline(made_from)
            ));
            self.line("");
        }
        for chapter in &document.chapters {
            self.line(&format!("## {}", inline(chapter.heading)));
            self.line("");
            for block in &chapter.blocks {
                self.block(block);
            }
        }
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        self.out.push('\n');
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(fact) => {
                let fact = self.fact(fact);
                self.line(&fact);
                self.line("");
            }
            Block::Facts(facts) => {
                for (name, fact) in facts {
                    let fact = self.fact(fact);
                    self.line(&format!("- {}: {fact}", inline(name)));
                }
                self.line("");
            }
            Block::Saying(saying) => self.saying(saying),
            Block::Versions(all) => {
                let count = all.len();
                self.line(&format!("**{count} versions: settle which one stands.**"));
                self.line("");
                all.iter().for_each(|saying| self.saying(saying));
            }
            Block::Table(table) => self.table(table),
            Block::Timeline(moments) => {
                moments.iter().for_each(|moment| self.moment(moment));
                if !self.out.ends_with("\n\n") {
                    self.line("");
                }
            }
            Block::Missing(text) => {
                self.line(&format!("*{}*", inline(text)));
                self.line("");
            }
        }
    }

    fn fact(&self, fact: &Fact) -> String {
        let text = inline(&fact.text);
        format!("{text}{}", self.cites(&fact.cites))
    }

    /// ` ([#52](/api/v1/acts/…))`, or nothing.
    fn cites(&self, cites: &[Citation]) -> String {
        if cites.is_empty() || !self.shows_acts {
            return String::new();
        }
        let cites: Vec<String> = cites.iter().map(link).collect();
        format!(" ({})", cites.join(", "))
    }

    fn saying(&mut self, saying: &Saying) {
        self.quote(&saying.text, "> ");
        if !self.shows_acts {
            for note in &saying.notes {
                self.line(">");
                self.line(&format!("> — {}", inline(note)));
            }
            self.line("");
            return;
        }
        self.line(">");
        let mut below = format!(
            "— {}, {}, {}",
            inline(&saying.by),
            super::words::minute(saying.at),
            link(&saying.act)
        );
        if !saying.cites.is_empty() {
            let cites: Vec<String> = saying.cites.iter().map(link).collect();
            let _ = write!(below, "; shown by {}", cites.join(", "));
        }
        for note in &saying.notes {
            let _ = write!(below, "; {}", inline(note));
        }
        self.line(&format!("> {below}"));
        self.line("");
        saying
            .corrections
            .iter()
            .for_each(|it| self.correction(it, "> "));
        if !saying.corrections.is_empty() {
            self.line("");
        }
    }

    fn correction(&mut self, correction: &Saying, indent: &str) {
        let (by, at) = (inline(&correction.by), super::words::minute(correction.at));
        let act = link(&correction.act);
        self.line(&format!("{indent}**Corrected** by {by}, {at}, {act}:"));
        self.line(indent.trim_end());
        self.quote(&correction.text, indent);
    }

    /// Text with its lines as they were.
    fn quote(&mut self, text: &str, indent: &str) {
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if line.trim().is_empty() {
                self.line(indent.trim_end());
                continue;
            }
            let goes_on = lines.peek().is_some_and(|next| !next.trim().is_empty());
            let end = if goes_on { "\\" } else { "" };
            self.line(&format!("{indent}{}{end}", whole_line(line)));
        }
    }

    fn table(&mut self, table: &Table) {
        let head: Vec<String> = table.head.iter().map(|cell| inline(cell)).collect();
        self.line(&format!("| {} |", head.join(" | ")));
        self.line(&format!("|{}", "---|".repeat(table.head.len())));
        for row in &table.rows {
            let row: Vec<String> = row.iter().map(|fact| self.fact(fact)).collect();
            self.line(&format!("| {} |", row.join(" | ")));
        }
        self.line("");
    }

    fn moment(&mut self, moment: &Moment) {
        let (by, deed) = (inline(&moment.by), inline(&moment.deed));
        let at = super::words::second(moment.at);
        self.line(&format!("- {at} {}: {by} {deed}", link(&moment.act)));
        let said = moment.text.as_ref().map(|text| ("", text));
        let why = moment.why.as_ref().map(|why| ("because: ", why));
        for (lead, text) in said.into_iter().chain(why) {
            self.line("");
            self.quote(&format!("{lead}{text}"), "  > ");
        }
        for correction in &moment.corrections {
            self.line("");
            self.correction(correction, "  > ");
        }
        if moment.text.is_some() || moment.why.is_some() || !moment.corrections.is_empty() {
            self.line("");
        }
    }
}

/// `[#52](/api/v1/acts/…)`
fn link(citation: &Citation) -> String {
    let act = citation.act;
    match citation.index {
        Some(index) => format!("[\\#{index}](/api/v1/acts/{act})"),
        None => {
            let short: String = act.to_string().chars().take(8).collect();
            format!("{short} (not on the record)")
        }
    }
}

/// Text on one line, as text and nothing else: every ASCII punctuation character that Markdown reads
/// is escaped (CommonMark §2.4), and a line feed is a space.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' | '!' | '#' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out
}

/// A line of its own: what would begin a heading, a list or a code block is escaped as well.
fn whole_line(line: &str) -> String {
    let body = line.trim_start_matches([' ', '\t']);
    let indent = line.get(..line.len() - body.len()).unwrap_or_default();
    let spaces = indent
        .chars()
        .map(|it| if it == '\t' { 4 } else { 1 })
        .sum();
    let mut out = "&nbsp;".repeat(spaces);
    let text = inline(body.trim_end());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, behind) = text.split_at_checked(digits).unwrap_or(("", &text));
    match behind.chars().next() {
        Some('+' | '-' | '=') if digits == 0 => {
            out.push('\\');
            out.push_str(&text);
        }
        Some('.' | ')') if digits > 0 => {
            out.push_str(number);
            out.push('\\');
            out.push_str(behind);
        }
        _ => out.push_str(&text),
    }
    out
}
