//! What happened, for feed readers: Atom (RFC 4287) and RSS 2.0, the newest first.
//!
//! An entry's id is its page's address and never changes; what is said anew changes when it was
//! updated. What people wrote stands in it as escaped HTML.

use base::Timestamp;

use crate::html::{Making, minute, paragraphs, steps};
use crate::page::{PublicIncident, PublicMaintenance};

/// The most entries of a feed.
const ENTRIES_MAX: usize = 50;

/// One entry, of either form.
struct Entry {
    href: String,
    title: String,
    published_at: Timestamp,
    updated_at: Timestamp,
    html: String,
}

/// A feed in Atom's form.
pub(crate) fn atom(making: Making<'_>) -> String {
    let (root, title) = (root(making), title(making));
    let language = making.words.language();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"{language}\">\n\
         <id>{0}history.atom</id>\n<title>{1}</title>\n<updated>{2}</updated>\n\
         <author><name>{3}</name></author>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"{0}history.atom\"/>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{0}index.html\"/>\n",
        escape(&root),
        escape(&title),
        making.page.updated_at,
        escape(&making.options.name),
    );
    for entry in entries(making) {
        xml.push_str(&format!(
            "<entry>\n<id>{0}</id>\n<title>{1}</title>\n<published>{2}</published>\n\
             <updated>{3}</updated>\n<link rel=\"alternate\" type=\"text/html\" href=\"{0}\"/>\n\
             <content type=\"html\">{4}</content>\n</entry>\n",
            escape(&entry.href),
            escape(&entry.title),
            entry.published_at,
            entry.updated_at,
            escape(&entry.html),
        ));
    }
    xml.push_str("</feed>\n");
    xml
}

/// The same in RSS's form. When an item was changed stands in it as Atom says it.
pub(crate) fn rss(making: Making<'_>) -> String {
    let (root, title) = (root(making), title(making));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n\
         <title>{1}</title>\n<link>{0}index.html</link>\n<description>{1}</description>\n\
         <language>{2}</language>\n<lastBuildDate>{3}</lastBuildDate>\n\
         <atom:link rel=\"self\" type=\"application/rss+xml\" href=\"{0}history.rss\"/>\n",
        escape(&root),
        escape(&title),
        making.words.language(),
        rfc822(making.page.updated_at),
    );
    for entry in entries(making) {
        xml.push_str(&format!(
            "<item>\n<title>{1}</title>\n<link>{0}</link>\n<guid isPermaLink=\"true\">{0}</guid>\n\
             <pubDate>{2}</pubDate>\n<atom:updated>{3}</atom:updated>\n\
             <description>{4}</description>\n</item>\n",
            escape(&entry.href),
            escape(&entry.title),
            rfc822(entry.published_at),
            entry.updated_at,
            escape(&entry.html),
        ));
    }
    xml.push_str("</channel>\n</rss>\n");
    xml
}

fn root(making: Making<'_>) -> String {
    let folder = making.options.folder(making.words.language());
    format!("{}/{folder}", making.options.url)
}

fn title(making: Making<'_>) -> String {
    making.say_of("feed-title", "name", &making.options.name)
}

fn entries(making: Making<'_>) -> Vec<Entry> {
    let incidents = making.page.incidents.values();
    let mut incidents: Vec<_> = incidents.collect();
    incidents.sort_by_key(|it| std::cmp::Reverse(it.updated_at));
    incidents.truncate(ENTRIES_MAX);
    let mut maintenances: Vec<_> = making.page.maintenances.values().collect();
    maintenances.sort_by_key(|it| std::cmp::Reverse(it.announced_at));
    maintenances.truncate(ENTRIES_MAX);
    let mut all: Vec<Entry> = incidents
        .into_iter()
        .map(|it| of_incident(making, it))
        .chain(
            maintenances
                .into_iter()
                .map(|it| of_maintenance(making, it)),
        )
        .collect();
    all.sort_by_key(|entry| std::cmp::Reverse(entry.updated_at));
    all.truncate(ENTRIES_MAX);
    all
}

fn of_incident(making: Making<'_>, it: &PublicIncident) -> Entry {
    let mut html = String::new();
    for word in it.words.iter().rev() {
        let status = making.say(&format!("status-{}", crate::html::status_word(word.status)));
        told(&mut html, word.at, &status, &making.text(word).text);
    }
    Entry {
        href: format!("{}incidents/{}.html", root(making), it.id),
        title: making.headline(it).text,
        published_at: it.created_at,
        updated_at: it.updated_at,
        html,
    }
}

fn of_maintenance(making: Making<'_>, it: &PublicMaintenance) -> Entry {
    let (headline, _) = making.plan(it);
    let steps = steps(making, it);
    let mut html = String::new();
    for step in steps.iter().rev() {
        let phase = making.say(&format!("phase-{}", step.phase.as_str()));
        told(&mut html, step.at, &phase, &step.text.text);
    }
    Entry {
        href: format!("{}maintenance/{}.html", root(making), it.id),
        title: making.say_of("feed-maintenance", "headline", &headline.text),
        published_at: it.announced_at,
        updated_at: steps.last().map_or(it.announced_at, |step| step.at),
        html,
    }
}

fn told(html: &mut String, at: Timestamp, status: &str, text: &str) {
    html.push_str(&format!(
        "<p><strong>{}</strong> ({})</p>",
        escape(status),
        minute(at)
    ));
    for lines in paragraphs(text) {
        let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
        html.push_str(&format!("<p>{}</p>", lines.join("<br>")));
    }
}

/// Text as XML 1.0 and HTML take it: what they have no character for is left out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            '\t' | '\n' => out.push(character),
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// A time as RFC 822 (with years of four digits) says it: `Sat, 21 Nov 2026 19:20:00 GMT`.
fn rfc822(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let number = at.as_ms().div_euclid(86_400_000).rem_euclid(7);
    let weekday = usize::try_from(number).ok().and_then(|at| DAYS.get(at));
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month: usize = part(5, 7).parse().unwrap_or(1);
    let month = MONTHS.get(month.saturating_sub(1));
    format!(
        "{}, {} {} {} {} GMT",
        weekday.unwrap_or(&"Thu"),
        part(8, 10),
        month.unwrap_or(&"Jan"),
        part(0, 4),
        part(11, 19)
    )
}
