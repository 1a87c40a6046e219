//! The pages that subscribers see: small, without a script, in their language. Whatever somebody
//! wrote is escaped where it is put in.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::body::Body;
use base::Name;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use hyper::{Response, StatusCode};
use language::{Language, Value, Words};
use record::hash;
use record::kinds::subscriber::Channel;

use super::port::{Declined, Subscriptions, Wish};
use crate::reply::{HTML, Keep, with_type};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2126;--paper:#fff;--soft:#5a6472;--line:#8a94a2;--act:#0b5cad}\
@media(prefers-color-scheme:dark){:root{--ink:#e8ebef;--paper:#14171b;--soft:#a9b3c0;--line:#727d8b;--act:#7ab8f5}}\
body{margin:0 auto;padding:2rem 1rem;max-width:34rem;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}p{margin:0 0 1rem;overflow-wrap:anywhere}\
fieldset{border:0;margin:0 0 1.5rem;padding:0}legend{font-weight:600;padding:0;margin-bottom:.5rem}\
label{display:block;margin:0 0 .5rem}input[type=text],select{display:block;width:100%;box-sizing:border-box;\
font:inherit;padding:.5rem;margin-top:.25rem;color:inherit;background:transparent;border:1px solid var(--line);border-radius:.25rem}\
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;border:0;border-radius:.25rem;color:var(--paper);background:var(--act)}\
a{color:var(--act)}:focus-visible{outline:3px solid var(--act);outline-offset:2px}.soft{color:var(--soft)}";

/// Nothing but these bytes of style, and forms that lead back here.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(hash::sha256(&[STYLE.as_bytes()]).0);
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

static WORDS: LazyLock<[Words; 2]> = LazyLock::new(|| {
    [
        read(Language::English, include_str!("words/en.ftl")),
        read(Language::German, include_str!("words/de.ftl")),
    ]
});

fn read(language: Language, source: &str) -> Words {
    Words::new(language, source).expect("a test reads the same file")
}

/// The words of one language.
pub(super) fn words(language: Language) -> &'static Words {
    let [english, german] = &*WORDS;
    match language {
        Language::English => english,
        Language::German => german,
    }
}

/// One page.
pub(super) struct Page<'a> {
    pub(super) site: &'a dyn Subscriptions,
    pub(super) language: Language,
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

impl Page<'_> {
    fn say(&self, key: &str) -> String {
        escaped(&words(self.language).say(key))
    }

    fn say_of(&self, key: &str, name: &str, value: &str) -> String {
        let value = Value::from(value.to_owned());
        escaped(&words(self.language).say_with(key, &[(name, value)]))
    }

    fn whole(&self, status: StatusCode, title: &str, body: &str) -> Response<Body> {
        let html = format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n\
             </body>\n</html>\n",
            self.language
        );
        let mut response = with_type(html, HTML, Keep::Never);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
        // A link with a pass in it is told to nobody else.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// The form of somebody who wants to be told.
    pub(super) fn form(&self) -> Response<Body> {
        let title = self.say_of("title", "site", self.site.title());
        let channels = self.site.channels();
        let mut body = format!("<p>{}</p>\n", self.say("lead"));
        body.push_str("<form method=\"post\" action=\"/subscriptions\">\n");
        let (mail, webhook) = (
            channels.contains(&Channel::Mail),
            channels.contains(&Channel::Webhook),
        );
        if mail && webhook {
            let _ = write!(
                body,
                "<fieldset><legend>{}</legend>\n\
                 <label><input type=\"radio\" name=\"channel\" value=\"mail\" checked> {}</label>\n\
                 <label><input type=\"radio\" name=\"channel\" value=\"webhook\"> {}</label>\n\
                 </fieldset>\n",
                self.say("how"),
                self.say("by-mail"),
                self.say("by-webhook")
            );
        } else {
            let only = channels.first().map_or("mail", |channel| channel.as_str());
            let _ = writeln!(
                body,
                "<input type=\"hidden\" name=\"channel\" value=\"{only}\">"
            );
        }
        let label = match (mail, webhook) {
            (true, true) => format!(
                "{} / {}",
                self.say("address-mail"),
                self.say("address-webhook")
            ),
            (false, true) => self.say("address-webhook"),
            _ => self.say("address-mail"),
        };
        let _ = writeln!(
            body,
            "<fieldset><label>{label}<input type=\"text\" name=\"address\" required \
             maxlength=\"200\" autocomplete=\"email\" spellcheck=\"false\"></label></fieldset>"
        );
        body.push_str(&self.choices(&BTreeSet::new(), self.language));
        let _ = writeln!(body, "<button>{}</button>\n</form>", self.say("subscribe"));
        self.whole(StatusCode::OK, &title, &body)
    }

    /// What one is told of, and in which language.
    fn choices(&self, chosen: &BTreeSet<Name>, language: Language) -> String {
        let mut body = String::new();
        let offered = self.site.choices();
        if !offered.is_empty() {
            let _ = write!(
                body,
                "<fieldset><legend>{}</legend>\n<p class=\"soft\">{}</p>\n",
                self.say("what"),
                self.say("some")
            );
            for name in &offered {
                let checked = match chosen.contains(name) {
                    true => " checked",
                    false => "",
                };
                let name = escaped(name.as_str());
                let _ = writeln!(
                    body,
                    "<label><input type=\"checkbox\" name=\"of-{name}\"{checked}> {name}</label>"
                );
            }
            body.push_str("</fieldset>\n");
        }
        let _ = writeln!(
            body,
            "<fieldset><label>{}<select name=\"language\">",
            self.say("language")
        );
        for offered in Language::ALL {
            let selected = match *offered == language {
                true => " selected",
                false => "",
            };
            let _ = writeln!(
                body,
                "<option value=\"{offered}\" lang=\"{offered}\"{selected}>{}</option>",
                escaped(offered.own_name())
            );
        }
        body.push_str("</select></label></fieldset>\n");
        body
    }

    /// They asked: what comes next. The same for everybody.
    pub(super) fn asked(&self, channel: Channel) -> Response<Body> {
        let next = match channel {
            Channel::Mail => "asked-mail",
            Channel::Webhook => "asked-webhook",
        };
        let body = format!("<p>{}</p>\n<p>{}</p>\n", self.say("asked"), self.say(next));
        self.whole(StatusCode::ACCEPTED, &self.say("asked-title"), &body)
    }

    /// One button: to look at a link is not to follow it, and programs look at links in mails.
    pub(super) fn confirm(&self, wish: &Wish) -> Response<Body> {
        let body = format!(
            "<p>{}</p>\n<form method=\"post\"><button>{}</button></form>\n",
            self.say_of("confirm", "address", &wish.address),
            self.say("confirm-button")
        );
        self.whole(StatusCode::OK, &self.say("confirm-title"), &body)
    }

    pub(super) fn confirmed(&self, wish: &Wish, manage: &str) -> Response<Body> {
        let body = format!(
            "<p>{}</p>\n<p><a href=\"/subscriptions/manage/{}\">{}</a></p>\n",
            self.say_of("confirmed", "address", &wish.address),
            escaped(manage),
            self.say("manage-title")
        );
        self.whole(StatusCode::OK, &self.say("confirmed-title"), &body)
    }

    pub(super) fn manage(&self, wish: &Wish, pass: &str, saved: bool) -> Response<Body> {
        let mut body = String::new();
        if saved {
            let _ = writeln!(
                body,
                "<p role=\"status\"><strong>{}</strong></p>",
                self.say("saved")
            );
        }
        let _ = write!(
            body,
            "<p>{}</p>\n<form method=\"post\">\n{}<button>{}</button>\n</form>\n\
             <p><a href=\"/subscriptions/unsubscribe/{}\">{}</a></p>\n",
            self.say_of("manage", "address", &wish.address),
            self.choices(&wish.components, wish.language),
            self.say("save"),
            escaped(pass),
            self.say("leave-title")
        );
        self.whole(StatusCode::OK, &self.say("manage-title"), &body)
    }

    pub(super) fn leave(&self, wish: &Wish) -> Response<Body> {
        let body = format!(
            "<p>{}</p>\n<form method=\"post\"><button>{}</button></form>\n",
            self.say_of("leave", "address", &wish.address),
            self.say("leave-button")
        );
        self.whole(StatusCode::OK, &self.say("leave-title"), &body)
    }

    pub(super) fn left(&self) -> Response<Body> {
        let body = format!(
            "<p>{}</p>\n<p><a href=\"/subscriptions\">{}</a></p>\n",
            self.say("left"),
            self.say("again")
        );
        self.whole(StatusCode::OK, &self.say("left-title"), &body)
    }

    /// Why not, for people.
    pub(super) fn declined(&self, status: StatusCode, declined: &Declined) -> Response<Body> {
        let key = match declined {
            Declined::Malformed(what) => format!("declined-{what}"),
            Declined::NotOurs => "declined-not-ours".to_owned(),
            Declined::Over => "declined-over".to_owned(),
            Declined::Off => "declined-off".to_owned(),
            Declined::TooMany(_) => "declined-too-many".to_owned(),
            Declined::NotNow(_) => "declined-not-now".to_owned(),
        };
        let body = format!(
            "<p>{}</p>\n<p><a href=\"/subscriptions\">{}</a></p>\n",
            self.say(&key),
            self.say("again")
        );
        self.whole(status, &self.say("declined-title"), &body)
    }
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

    #[test]
    fn what_somebody_wrote_is_text_wherever_it_stands() {
        let hostile = "\"><script>alert('x')</script>&";
        let shown = escaped(hostile);
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
        assert_eq!(shown.matches('&').count(), 9);
    }
}
