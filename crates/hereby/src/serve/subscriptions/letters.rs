//! What subscribers read: mails in their language, and events for their programs.
//!
//! What was said to the public is shown as it was said; only what stands around it is translated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use base::MailAddress;
use base::{ActId, IncidentId, Line, Name, Timestamp};
use language::{Language, Value, Words};
use notify::Link;
use notify::outside::{HookSecret, HookUrl, Signed};
use notify::pass::PassKey;
use notify::post::{Letter, Letters, Message, Parcel};
use record::kinds::incident::Status;
use record::kinds::subscriber::Channel;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::book::{Book, Entry};

/// What a pass to one's own subscription is for.
const MANAGE: &str = "manage";

/// What a webhook's secret is derived for.
const HOOK_SECRET: &str = "hereby/webhook/1";

static WORDS: LazyLock<[Words; 2]> = LazyLock::new(|| {
    [
        read(Language::English, include_str!("words/en.ftl")),
        read(Language::German, include_str!("words/de.ftl")),
    ]
});

fn read(language: Language, source: &str) -> Words {
    Words::new(language, source).expect("a test reads the same file")
}

fn words(language: Language) -> &'static Words {
    let [english, german] = &*WORDS;
    match language {
        Language::English => english,
        Language::German => german,
    }
}

/// What a pass to one's own subscription says.
#[derive(Serialize, Deserialize)]
struct Own {
    /// The subscriber's number: it is given once.
    n: u32,
}

/// Where the public reaches us, and under which key their links are sealed.
#[derive(Clone)]
pub(super) struct House {
    /// What people call it.
    pub(super) title: String,
    /// Without a slash at its end.
    pub(super) url: String,
    /// Where the status page is; none: nobody said.
    pub(super) page_url: Option<String>,
    /// The page's first language.
    pub(super) first: Language,
    pub(super) key: PassKey,
    /// Who mail is from; none: there is no mail.
    pub(super) from: Option<(MailAddress, Option<String>)>,
}

impl House {
    /// A pass to a subscriber's own subscription.
    pub(super) fn own_pass(&self, number: u32) -> Option<String> {
        self.key.seal_the_same(MANAGE, &Own { n: number }).ok()
    }

    /// Whose subscription a pass leads to.
    pub(super) fn owner(&self, pass: &str) -> Option<u32> {
        let own: Own = self.key.open(MANAGE, pass).ok()?;
        Some(own.n)
    }

    pub(super) fn link(&self, what: &str, pass: &str) -> String {
        format!("{}/subscriptions/{what}/{pass}", self.url)
    }

    /// What this webhook and hereby know: the same for as long as the key of passes is.
    pub(super) fn hook_secret(&self, url: &HookUrl) -> HookSecret {
        HookSecret::from_bytes(self.key.derive(HOOK_SECRET, url.as_str()))
    }
}

/// Something that was said to the public.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) incident: IncidentId,
    pub(super) status: Status,
    pub(super) update: ActId,
    pub(super) at: Timestamp,
    /// What the incident is called in public.
    pub(super) headline: Option<String>,
    /// The same in other languages, by their tags.
    pub(super) headlines: BTreeMap<String, String>,
    pub(super) text: String,
    /// The same in other languages, by their tags.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) components: BTreeSet<Name>,
    /// What they are called on the status page, by language.
    pub(super) titles: BTreeMap<Name, BTreeMap<Name, Line>>,
}

impl Said {
    /// Headline and text as somebody wrote them in this language; else as they were said.
    fn in_language(&self, language: Language) -> (Option<&str>, &str) {
        let tag = language.as_str();
        let headline = self.headlines.get(tag).or(self.headline.as_ref());
        let text = self.texts.get(tag).unwrap_or(&self.text);
        (headline.map(String::as_str), text)
    }

    /// What a component is called in this language, else in the page's first one, else in any.
    fn title<'s>(&'s self, name: &'s Name, languages: [Language; 2]) -> &'s str {
        let Some(titles) = self.titles.get(name) else {
            return name.as_str();
        };
        let of = |language: &Language| {
            let mut all = titles.iter();
            all.find(|(tag, _)| tag.as_str() == language.as_str())
        };
        let title = languages
            .iter()
            .find_map(of)
            .or_else(|| titles.iter().next());
        title.map_or(name.as_str(), |(_, title)| title.as_str())
    }
}

/// To the minute, as people read it: `2026-11-21 23:38 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string().replacen('T', " ", 1);
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}

/// A mail's parts in one language.
pub(super) struct Written {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// What was said, as a mail to somebody with these links.
pub(super) fn written(
    house: &House,
    said: &Said,
    language: Language,
    (manage, leave): (&str, &str),
) -> Written {
    let words = words(language);
    let say = |key: &str, name: &str, value: &str| {
        words.say_with(key, &[(name, Value::from(value.to_owned()))])
    };
    let status = words.say(match said.status {
        Status::Investigating => "status-investigating",
        Status::Identified => "status-identified",
        Status::Monitoring => "status-monitoring",
        Status::Resolved => "status-resolved",
    });
    let (headline, said_text) = said.in_language(language);
    let site = Value::from(house.title.clone());
    let about = headline.unwrap_or(&status).to_owned();
    let subject = words.say_with("subject", &[("site", site), ("status", about.into())]);
    let titles = said.components.iter();
    let titles = titles.map(|name| said.title(name, [language, house.first]));
    let titles: Vec<&str> = titles.collect();
    let about = (!titles.is_empty()).then(|| say("about", "components", &titles.join(", ")));
    let footer = say("footer", "site", &house.title);
    let headline = headline.map(str::to_owned);
    let status = status.to_string();
    let above = [headline, Some(status), about, Some(minute(said.at))];
    let above: Vec<String> = above.into_iter().flatten().collect();
    let page = house.page_url.as_deref();
    let page_line = page.map(|url| format!("{}\n\n", say("page", "link", url)));
    let text = format!(
        "{}\n\n{}\n\n{}-- \n{footer}\n{}\n{}\n",
        above.join("\n"),
        said_text,
        page_line.unwrap_or_default(),
        say("manage", "link", manage),
        say("leave", "link", leave)
    );
    let paragraphs: String = said_text
        .split("\n\n")
        .map(|paragraph| format!("<p>{}</p>\n", escaped(paragraph).replace('\n', "<br>\n")))
        .collect();
    let page = page.map(|url| {
        let (url, words) = (escaped(url), escaped(&words.say("page-link")));
        format!("<p><a href=\"{url}\">{words}</a></p>\n")
    });
    let above: Vec<String> = above.iter().map(|line| escaped(line)).collect();
    let html = format!(
        "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <title>{}</title></head><body>\n<p><strong>{}</strong></p>\n{paragraphs}{}<hr>\n\
         <p>{}<br>\n<a href=\"{}\">{}</a> &middot; <a href=\"{}\">{}</a></p>\n</body></html>\n",
        escaped(&subject),
        above.join("<br>\n"),
        page.unwrap_or_default(),
        escaped(&footer),
        escaped(manage),
        escaped(&words.say("manage-link")),
        escaped(leave),
        escaped(&words.say("leave-link"))
    );
    Written {
        subject,
        text,
        html,
    }
}

/// The mail that asks whether an address is theirs.
pub(super) fn confirmation(
    house: &House,
    to: MailAddress,
    language: Language,
    pass: &str,
) -> Letter {
    let words = words(language);
    let site = || Value::from(house.title.clone());
    let link = house.link("confirm", pass);
    let lead = words.say_with("confirm-lead", &[("site", site())]);
    let (todo, ignore) = (words.say("confirm-do"), words.say("confirm-ignore"));
    let id = format!(
        "confirm.{}",
        base_id(&house.key.derive("hereby/mail/1", pass))
    );
    Letter {
        to,
        from_name: house.from.as_ref().and_then(|(_, name)| name.clone()),
        subject: words.say_with("confirm-subject", &[("site", site())]),
        text: format!("{lead}\n\n{todo}\n{link}\n\n{ignore}\n"),
        html: format!(
            "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\"></head>\
             <body>\n<p>{}</p>\n<p>{}<br>\n<a href=\"{}\">{}</a></p>\n<p>{}</p>\n</body></html>\n",
            escaped(&lead),
            escaped(&todo),
            escaped(&link),
            escaped(&words.say("confirm-link")),
            escaped(&ignore)
        ),
        id,
        unsubscribe: None,
        language: language.as_str(),
    }
}

fn base_id(bytes: &[u8; 32]) -> String {
    bytes
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The event that programs get (CloudEvents 1.0).
pub(super) fn event(house: &House, id: &str, said: &Said, links: Option<(&str, &str)>) -> Json {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": house.url,
        "type": "hereby.update.published",
        "time": said.at,
        "datacontenttype": "application/json",
        "data": {
            "incident": said.incident,
            "status": said.status,
            "name": said.headline,
            "update": {"id": said.update, "body": said.text, "created_at": said.at},
            "components": said.components,
            "manage_url": links.map(|(manage, _)| manage),
            "unsubscribe_url": links.map(|(_, leave)| leave),
        },
    })
}

/// One notice, written to whoever it goes to.
pub(super) struct Round {
    pub(super) house: House,
    pub(super) book: Arc<Book>,
    pub(super) notice: Name,
    pub(super) said: Said,
    /// The present, for the mail's head and the signature.
    pub(super) now: fn() -> Timestamp,
}

impl Letters for Round {
    fn parcel(&self, number: u32) -> Result<Parcel, &'static str> {
        let Entry {
            channel,
            address,
            language,
        } = self.book.entry(number).ok_or("left")?;
        let address = address.ok_or("address_unreadable")?;
        let pass = self.house.own_pass(number).ok_or("no_pass")?;
        let manage = self.house.link("manage", &pass);
        let leave = self.house.link("unsubscribe", &pass);
        match channel {
            Channel::Mail => {
                let (from, from_name) = self.house.from.clone().ok_or("no_mail_server")?;
                let to: MailAddress = address.parse().map_err(|_| "bad_address")?;
                let written = written(&self.house, &self.said, language, (&manage, &leave));
                let unsubscribe: Link = leave.parse().map_err(|_| "bad_link")?;
                let letter = Letter {
                    to,
                    from_name,
                    subject: written.subject,
                    text: written.text,
                    html: written.html,
                    id: format!("{}.{}.{number}", self.said.update, self.notice),
                    unsubscribe: Some(unsubscribe),
                    language: language.as_str(),
                };
                let message: Message = letter
                    .write(&from, (self.now)())
                    .map_err(|_| "unwritable")?;
                Ok(Parcel::Mail(message))
            }
            Channel::Webhook => {
                let url: HookUrl = address.parse().map_err(|_| "bad_address")?;
                let id = format!("{}.{}.{number}", self.said.update, self.notice);
                let event = event(&self.house, &id, &self.said, Some((&manage, &leave)));
                let signed = Signed {
                    id: id.into(),
                    timestamp_s: (self.now)().as_ms().div_euclid(1_000),
                    body: event.to_string(),
                    secret: self.house.hook_secret(&url),
                };
                Ok(Parcel::Hook(url, signed))
            }
        }
    }
}

/// Text as it stands between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_word_and_no_other() {
        let [english, german] = &*WORDS;
        assert!(english.missing_from(german).is_empty());
        assert!(german.missing_from(english).is_empty());
    }

    fn house() -> House {
        House {
            title: "Sample & Sons".to_owned(),
            url: "https://status.example.org".to_owned(),
            page_url: None,
            first: Language::English,
            key: PassKey::from_bytes([7; 32]),
            from: None,
        }
    }

    fn said(text: &str) -> Said {
        Said {
            incident: IncidentId::from_number(7),
            status: Status::Monitoring,
            update: ActId::from_bytes([1; 16]),
            at: Timestamp::from_ms(0),
            headline: None,
            headlines: BTreeMap::new(),
            text: text.to_owned(),
            texts: BTreeMap::new(),
            components: BTreeSet::new(),
            titles: BTreeMap::new(),
        }
    }

    #[test]
    fn a_mail_shows_what_was_said_as_text_and_names_both_links() {
        let said = said("<script>alert(1)</script>\nIt holds.\n\nMore later.");
        for (language, word) in [(Language::English, "watching"), (Language::German, "hält")] {
            let written = written(&house(), &said, language, ("M", "L"));
            assert!(written.subject.contains(word), "{}", written.subject);
            assert!(!written.subject.contains('\n'));
            assert!(
                written
                    .text
                    .contains("<script>alert(1)</script>\nIt holds.")
            );
            assert!(!written.html.contains("<script"), "{}", written.html);
            assert!(written.html.contains("Sample &amp; Sons"));
            assert!(written.text.contains(": M\n") && written.text.contains(": L\n"));
        }
    }

    #[test]
    fn who_has_it_in_their_language_reads_it_in_their_language() {
        let said = Said {
            headline: Some("Payments fail".to_owned()),
            headlines: [("de".to_owned(), "Zahlungen gestört".to_owned())].into(),
            texts: [("de".to_owned(), "Es klemmt.".to_owned())].into(),
            ..said("It is stuck.")
        };
        for (language, headline, text) in [
            (Language::English, "Payments fail", "It is stuck."),
            (Language::German, "Zahlungen gestört", "Es klemmt."),
        ] {
            let written = written(&house(), &said, language, ("M", "L"));
            assert_eq!(written.subject, format!("Sample & Sons: {headline}"));
            assert!(written.text.contains(text), "{}", written.text);
            assert!(written.html.contains(text), "{}", written.html);
        }
    }

    #[test]
    fn a_mail_says_when_of_which_components_and_where_more_is() {
        let line = |text: &str| text.parse::<Line>().unwrap();
        let name = |text: &str| text.parse::<Name>().unwrap();
        let titles = [(name("de"), line("Kasse")), (name("en"), line("Checkout"))];
        let said = Said {
            at: "2026-11-21T23:38:04.118Z".parse().unwrap(),
            components: [name("api"), name("checkout"), name("odd")].into(),
            titles: [
                (name("api"), [(name("en"), line("Our API"))].into()),
                (name("checkout"), titles.into()),
            ]
            .into(),
            ..said("It holds.")
        };
        let with_page = House {
            page_url: Some("https://status.example.org/?a=1&b=2".to_owned()),
            ..house()
        };
        for (language, about) in [
            (Language::English, "About: Our API, Checkout, odd\n"),
            (Language::German, "Betrifft: Our API, Kasse, odd\n"),
        ] {
            let written = written(&with_page, &said, language, ("M", "L"));
            let head = format!("{about}2026-11-21 23:38 UTC\n\nIt holds.\n\n");
            assert!(written.text.contains(&head), "{}", written.text);
            let link = ": https://status.example.org/?a=1&b=2\n\n-- \n";
            assert!(written.text.contains(link), "{}", written.text);
            let link = "<a href=\"https://status.example.org/?a=1&amp;b=2\">";
            assert!(written.html.contains(link), "{}", written.html);
        }
        let written = written(&house(), &said, Language::English, ("M", "L"));
        assert!(!written.text.contains("https://"), "{}", written.text);
    }

    #[test]
    fn a_pass_leads_to_its_own_subscription_and_no_other() {
        let house = house();
        let pass = house.own_pass(12).unwrap();
        assert_eq!(house.owner(&pass), Some(12));
        assert_eq!(house.own_pass(12).unwrap(), pass, "the same each time");
        let mut forged = pass.into_bytes();
        let last = forged.last_mut().unwrap();
        *last = if *last == b'A' { b'B' } else { b'A' };
        assert_eq!(house.owner(&String::from_utf8(forged).unwrap()), None);
        let other = House {
            key: PassKey::from_bytes([8; 32]),
            ..house.clone()
        };
        assert_eq!(house.owner(&other.own_pass(12).unwrap()), None);
    }
}
