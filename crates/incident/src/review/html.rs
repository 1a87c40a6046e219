//! A review as one HTML page that stands alone: its style is in it, it runs nothing, and it asks for
//! nothing from anywhere. It says so itself, so that a browser holds it to that wherever it lies
//! (Content Security Policy Level 3, `default-src 'none'`).
//!
//! Everything that is not of this file goes through [`Writer::text`], where it is escaped.

use record::hash;
use record::kinds::review::ReviewAudience;

use super::document::{Block, Citation, Document, Fact, Moment, Saying, Table};
use super::words;

/// What the page looks like: light and dark, on paper, and on a telephone.
const STYLE: &str = include_str!("style.css");

/// A timeline with more acts than this is folded up: the rest of the review would not be seen.
const UNFOLDED_MAX: usize = 200;

/// The Content Security Policy of the page: nothing but its own style.
#[must_use]
pub fn content_security_policy() -> String {
    let style = hash::sha256(&[STYLE.as_bytes()]);
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'")
}

/// The document as a page.
#[must_use]
pub fn html(document: &Document) -> String {
    let mut writer = Writer {
        out: String::new(),
        shows_acts: document.audience != ReviewAudience::Customers,
        anchors: document.audience == ReviewAudience::Internal,
    };
    writer.page(document);
    writer.out
}

struct Writer {
    out: String,
    /// Customers see neither who said it inside nor which act it was.
    shows_acts: bool,
    /// Whether the timeline is in the page, so that acts can be jumped to.
    anchors: bool,
}

impl Writer {
    /// Markup of this file.
    fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Anything else.
    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                _ => self.out.push(character),
            }
        }
    }

    fn element(&mut self, name: &str, text: &str) {
        self.raw(&format!("<{name}>"));
        self.text(text);
        self.raw(&format!("</{name}>"));
    }

    fn page(&mut self, document: &Document) {
        self.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        self.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        let policy = content_security_policy();
        // The policy has quotes of its own; they are no markup in an attribute in double quotes.
        self.raw(&format!(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n"
        ));
        self.raw("<meta name=\"referrer\" content=\"no-referrer\">\n");
        self.element("title", &document.title);
        self.raw(&format!(
            "\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n"
        ));
        let kind = match document.audience {
            ReviewAudience::Internal => "Review",
            ReviewAudience::Customers => "Report",
            ReviewAudience::Executive => "Review for executives",
        };
        self.raw(&format!("<p class=\"kind\">{kind}</p>\n"));
        self.element("h1", &document.title);
        for mark in &document.marks {
            self.raw("\n<p class=\"mark\"><strong>");
            self.text(mark.word);
            self.raw("</strong> ");
            self.text(&mark.says);
            self.raw("</p>");
        }
        if let Some(made_from) = &document.made_from {
            self.raw("\n<p class=\"made\">");
            self.text(made_from);
            self.raw(" What people said stands behind a bar.</p>");
        }
        self.raw("\n</header>\n<nav aria-label=\"Chapters\"><ol>");
        for chapter in &document.chapters {
            self.raw(&format!("<li><a href=\"#{}\">", chapter.anchor));
            self.text(chapter.heading);
            self.raw("</a></li>");
        }
        self.raw("</ol></nav>\n");
        for chapter in &document.chapters {
            self.raw(&format!("<section id=\"{}\">\n<h2>", chapter.anchor));
            self.text(chapter.heading);
            self.raw("</h2>\n");
            chapter.blocks.iter().for_each(|block| self.block(block));
            self.raw("</section>\n");
        }
        self.raw("</main>\n</body>\n</html>\n");
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(fact) => {
                self.raw("<p>");
                self.fact(fact);
                self.raw("</p>\n");
            }
            Block::Facts(facts) => {
                self.raw("<dl>");
                for (name, fact) in facts {
                    self.raw("<div>");
                    self.element("dt", name);
                    self.raw("<dd>");
                    self.fact(fact);
                    self.raw("</dd></div>");
                }
                self.raw("</dl>\n");
            }
            Block::Saying(saying) => self.saying(saying),
            Block::Versions(all) => {
                self.raw("<div class=\"versions\"><p><strong>");
                self.text(&format!("{} versions: settle which one stands.", all.len()));
                self.raw("</strong></p><div>\n");
                all.iter().for_each(|saying| self.saying(saying));
                self.raw("</div></div>\n");
            }
            Block::Table(table) => self.table(table),
            Block::Timeline(moments) => self.timeline(moments),
            Block::Missing(text) => {
                self.raw("<p class=\"missing\">");
                self.text(text);
                self.raw("</p>\n");
            }
        }
    }

    fn fact(&mut self, fact: &Fact) {
        self.text(&fact.text);
        self.cites(" ", &fact.cites);
    }

    fn cites(&mut self, lead: &str, cites: &[Citation]) {
        if !self.shows_acts {
            return;
        }
        for (number, citation) in cites.iter().enumerate() {
            self.raw(if number == 0 { lead } else { " " });
            self.link(citation);
        }
    }

    /// To the act in this page, or to the act itself.
    fn link(&mut self, citation: &Citation) {
        let act = citation.act;
        match citation.index {
            Some(index) if self.anchors && citation.own => {
                self.raw(&format!(
                    "<a class=\"act\" href=\"#act-{act}\">#{index}</a>"
                ));
            }
            Some(index) => self.raw(&format!(
                "<a class=\"act\" href=\"/api/v1/acts/{act}\">#{index}</a>"
            )),
            None => {
                let short: String = act.to_string().chars().take(8).collect();
                self.raw(&format!(
                    "<span class=\"stray\">{short} (not on the record)</span>"
                ));
            }
        }
    }

    /// What the page's own links to an act lead to.
    fn anchor(&self, citation: &Citation) -> String {
        match self.anchors {
            true => format!(" id=\"act-{}\"", citation.act),
            false => String::new(),
        }
    }

    fn saying(&mut self, saying: &Saying) {
        // A decision stands in the timeline as well: the anchor is there, and an id comes once.
        self.raw("<figure><blockquote>");
        self.text(&saying.text);
        self.raw("</blockquote>");
        if self.shows_acts {
            self.raw("<figcaption>");
            self.text(&format!("{}, {} ", saying.by, words::minute(saying.at)));
            let act = saying.act.act;
            match saying.act.index {
                Some(index) => self.raw(&format!(
                    "<a class=\"act\" href=\"/api/v1/acts/{act}\">#{index}</a>"
                )),
                None => self.link(&saying.act),
            }
            self.cites(" shown by ", &saying.cites);
            for note in &saying.notes {
                self.raw("<br>");
                self.text(note);
            }
            self.raw("</figcaption>");
        } else if !saying.notes.is_empty() {
            self.raw("<figcaption>");
            self.text(&saying.notes.join("; "));
            self.raw("</figcaption>");
        }
        saying.corrections.iter().for_each(|it| self.correction(it));
        self.raw("</figure>\n");
    }

    fn correction(&mut self, correction: &Saying) {
        self.raw("<div class=\"correction\"><p><strong>Corrected</strong> by ");
        self.text(&format!(
            "{}, {} ",
            correction.by,
            words::minute(correction.at)
        ));
        self.link(&correction.act);
        self.raw("</p><p class=\"said\">");
        self.text(&correction.text);
        self.raw("</p></div>");
    }

    fn table(&mut self, table: &Table) {
        self.raw("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table><thead><tr>");
        for cell in &table.head {
            self.raw("<th scope=\"col\">");
            self.text(cell);
            self.raw("</th>");
        }
        self.raw("</tr></thead><tbody>\n");
        for row in &table.rows {
            self.raw("<tr>");
            for fact in row {
                self.raw("<td>");
                self.fact(fact);
                self.raw("</td>");
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n");
    }

    fn timeline(&mut self, moments: &[Moment]) {
        let open = if moments.len() > UNFOLDED_MAX {
            ""
        } else {
            " open"
        };
        let acts = words::counted(moments.len(), "act", "acts");
        self.raw(&format!(
            "<details{open}><summary>{acts}</summary>\n<ol class=\"timeline\">\n"
        ));
        let mut day = String::new();
        for moment in moments {
            let today = words::day(moment.at);
            if today != day {
                self.raw("<li class=\"day\">");
                self.text(&today);
                self.raw("</li>\n");
                day = today;
            }
            self.moment(moment);
        }
        self.raw("</ol></details>\n");
    }

    fn moment(&mut self, moment: &Moment) {
        let anchor = self.anchor(&moment.act);
        let at = moment.at.to_string();
        let clock = at.get(11..19).unwrap_or_default();
        self.raw(&format!(
            "<li{anchor}><time datetime=\"{at}\">{clock}</time><div><p>"
        ));
        self.element("strong", &moment.by);
        self.raw(" ");
        self.text(&moment.deed);
        let act = moment.act.act;
        if let Some(index) = moment.act.index {
            self.raw(&format!(
                " <a class=\"act\" href=\"/api/v1/acts/{act}\">#{index}</a>"
            ));
        }
        self.raw("</p>");
        for (lead, text) in [("", &moment.text), ("because: ", &moment.why)] {
            if let Some(text) = text {
                self.raw("<p class=\"said\">");
                self.text(lead);
                self.text(text);
                self.raw("</p>");
            }
        }
        moment.corrections.iter().for_each(|it| self.correction(it));
        self.raw("</div></li>\n");
    }
}
