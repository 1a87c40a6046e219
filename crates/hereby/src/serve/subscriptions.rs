//! Those who are told what is said to the public: who asks, who confirms, who leaves.
//!
//! Nothing is kept of whoever asks: what they asked for stands, sealed, in the link that is sent to
//! their address, and only following it makes an act. Telling them is in [`notices`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::MailAddress;
use base::{CommandId, Line, Name, Timestamp};
use engine::ports::Clock as _;
use engine::{Engine, Outcome, Request, Transport};
use futures_util::future::BoxFuture;
use incident::{COMPONENTS_OF_ONE_MAX, Reason, Refusal, subscriber_name, subscriber_number};
use language::Language;
use notify::outside::{HookUrl, Outside, SystemResolver};
use notify::pass::PassKey;
use notify::post::{Encryption, MailServer, Pace, Policy, Tally};
use record::act::Subject;
use record::command::{ChangeSubscriber, Command, ConfirmSubscriber, RemoveSubscriber, Verb};
use record::kinds::subscriber::Channel;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::Keystore;
use tokio::sync::{Semaphore, watch};
use web::{Asker, Declined, Draft, Purpose, Wish};

use crate::client::trusted;
use crate::config::{self, Config};
use crate::exit::{Exit, Failure};
use crate::log::Repeated;
use crate::secret_file;
use crate::station::{Station, SystemClock};

mod book;
mod challenge;
mod letters;
mod limits;
mod notices;
mod onward;
mod told;

use book::Book;
use letters::House;
use limits::{Bound, Limits, Requests};

/// How long a link to confirm works.
const CONFIRM_MS: i64 = 24 * 3_600_000;

/// What a pass to confirm is for.
const CONFIRM: &str = "confirm";

/// Messages that ask addresses to confirm, waiting or on their way.
const ASKING_MAX: usize = 256;

/// Of those, at once.
const ASKING_AT_ONCE_MAX: usize = 8;

/// How long a webhook's server may take to take a connection, and to answer.
const HOOK_CONNECT_MAX: Duration = Duration::from_secs(10);
const HOOK_ANSWER_MAX: Duration = Duration::from_secs(15);

/// How long a mail server may take to let us in.
const MAIL_CONNECT_MAX: Duration = Duration::from_secs(30);

/// What a link to confirm says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Confirming {
    /// The address.
    a: String,
    /// The channel.
    c: Channel,
    /// What of.
    k: BTreeSet<Name>,
    /// The language.
    l: String,
    /// Until when, in milliseconds since 1970.
    x: i64,
    /// What makes this one asking: 32 hexadecimal digits.
    i: String,
}

/// Subscribers, and how they are told.
pub(crate) struct Subscriptions {
    engine: Arc<Engine>,
    blobs: store::Blobs,
    book: Arc<Book>,
    house: House,
    config: config::Subscriptions,
    mail: Option<Arc<MailServer>>,
    mail_policy: Policy,
    outside: Outside,
    hook_policy: Policy,
    mail_pace: Arc<Pace>,
    hook_pace: Arc<Pace>,
    limits: Limits,
    requests: Requests,
    tally: Arc<Tally>,
    /// Places for messages that ask addresses to confirm.
    asking: Arc<Semaphore>,
    asking_now: Arc<Semaphore>,
    /// One confirmation after the other: an address is known once.
    confirming: tokio::sync::Mutex<()>,
    notices: notices::Running,
}

impl Subscriptions {
    /// What is configured, on a station; none: nobody can subscribe.
    ///
    /// # Errors
    /// When a key, a password or a certificate can't be read.
    pub(crate) fn of(
        config: &Config,
        station: &Station,
        stop: watch::Receiver<bool>,
    ) -> Result<Option<Arc<Subscriptions>>, Failure> {
        let Some(settings) = config.subscriptions.clone() else {
            return Ok(None);
        };
        let key = store::pass_key(&station.paths).map_err(|error| {
            Failure::new(
                Exit::Internal,
                "the key of subscribers' links can't be used",
            )
            .because(error)
        })?;
        let key = PassKey::from_bytes(key);
        let mail = config.mail.as_ref().map(mail_server).transpose()?;
        let from_name = config.mail.as_ref().and_then(|mail| mail.from_name.clone());
        let first = config.status.languages.first();
        let first = first.and_then(|tag| Language::of_tag(tag));
        let house = House {
            title: settings.title.clone(),
            url: settings.url.clone(),
            page_url: config.status.url.clone(),
            first: first.unwrap_or_default(),
            key: key.clone(),
            from: mail.as_ref().map(|mail| (mail.from.clone(), from_name)),
        };
        if settings.allow_private {
            tracing::warn!(
                "subscriptions.allow_private is on: whoever can ask to be told by webhook can have \
                 this machine speak to addresses that only it can reach"
            );
        }
        let outside = Outside {
            resolver: Arc::new(SystemResolver),
            tls: trusted(settings.ca_file.as_deref())?,
            allow_private: settings.allow_private,
            connect_max: HOOK_CONNECT_MAX,
            answer_max: HOOK_ANSWER_MAX,
        };
        let limits = Limits::new(
            settings.requests_per_hour,
            settings.requests_of_one_per_hour,
            key,
        );
        let keystore: Arc<Keystore> = station.keystore.clone();
        Ok(Some(Arc::new(Subscriptions {
            engine: station.engine.clone(),
            blobs: store::Blobs::new(&station.paths),
            book: Arc::new(Book::new(station.engine.clone(), keystore)),
            house,
            mail_policy: mail_policy(config.mail.as_ref()),
            hook_policy: hook_policy(&settings, config.mail.as_ref()),
            config: settings,
            mail: mail.map(Arc::new),
            outside,
            mail_pace: Arc::default(),
            hook_pace: Arc::default(),
            limits,
            requests: Requests::default(),
            tally: Arc::default(),
            asking: Arc::new(Semaphore::new(ASKING_MAX)),
            asking_now: Arc::new(Semaphore::new(ASKING_AT_ONCE_MAX)),
            confirming: tokio::sync::Mutex::new(()),
            notices: notices::Running::new(station.paths.notices(), stop),
        })))
    }

    fn own(&self) -> Transport {
        Transport::Own("subscriptions".parse().expect("a lower-case word"))
    }

    /// Asks for acts in hereby's own name, under an id that nobody outside can take.
    async fn submit(&self, id: &str, verb: impl Into<Verb>) -> Result<Vec<Subject>, Refusal> {
        let id: CommandId = id
            .parse()
            .map_err(|bad| Refusal::new(Reason::OutOfRange, bad))?;
        let request = Request {
            transport: self.own(),
            command: Command::new(id, verb),
            signature: None,
        };
        match self.engine.submit(request).await {
            Outcome::Done(receipts) => Ok(receipts
                .into_iter()
                .map(|receipt| receipt.subject)
                .collect()),
            Outcome::Refused(refusal) => Err(refusal),
            Outcome::Unknown => Err(Refusal::new(
                Reason::Stopping,
                "nobody can say whether this happened; send it again",
            )),
        }
    }

    /// What somebody wants, if it can be had here, with the address as it is kept.
    fn possible(&self, wish: &Wish) -> Result<(), Declined> {
        if !self.channels().contains(&wish.channel) {
            return Err(Declined::Off);
        }
        let fits = match wish.channel {
            Channel::Mail => wish.address.parse::<MailAddress>().is_ok(),
            Channel::Webhook => wish.address.parse::<HookUrl>().is_ok(),
        };
        if !fits || wish.address.parse::<Line>().is_err() {
            return Err(Declined::Malformed("address"));
        }
        self.offered(&wish.components)
    }

    fn channels(&self) -> Vec<Channel> {
        let mail = self.mail.is_some().then_some(Channel::Mail);
        let hooks = self.config.webhooks.then_some(Channel::Webhook);
        mail.into_iter().chain(hooks).collect()
    }

    /// What one can choose to be told of: what stands on the status page, in its order.
    fn choices(&self) -> Vec<Name> {
        let mut placed: Vec<(u32, Name)> = self.engine.view().read(|state| {
            let components = state.incidents.page.components.iter();
            components
                .map(|(name, placed)| (placed.position, name.clone()))
                .collect()
        });
        placed.sort_unstable();
        placed.into_iter().map(|(_, name)| name).collect()
    }

    fn offered(&self, components: &BTreeSet<Name>) -> Result<(), Declined> {
        let choices = self.choices();
        let known = components.iter().all(|name| choices.contains(name));
        match known && components.len() <= COMPONENTS_OF_ONE_MAX {
            true => Ok(()),
            false => Err(Declined::Malformed("components")),
        }
    }

    fn confirming(&self, wish: &Wish) -> Result<Confirming, Declined> {
        let mut id = [0; 16];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| no_randomness())?;
        Ok(Confirming {
            a: wish.address.clone(),
            c: wish.channel,
            k: wish.components.clone(),
            l: wish.language.as_str().to_owned(),
            x: SystemClock.now().as_ms().saturating_add(CONFIRM_MS),
            i: id.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    fn confirm_pass(&self, confirming: &Confirming) -> Result<String, Declined> {
        let mut nonce = [0; 12];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| no_randomness())?;
        let sealed = self.house.key.seal(CONFIRM, confirming, nonce);
        sealed.map_err(|_| Declined::Malformed("form"))
    }

    /// What a link to confirm says, while it works.
    fn opened_confirming(&self, pass: &str) -> Result<Confirming, Declined> {
        let opened = self.house.key.open::<Confirming>(CONFIRM, pass);
        let confirming = opened.map_err(|_| {
            self.requests.count("bad_link");
            Declined::NotOurs
        })?;
        if SystemClock.now() > Timestamp::from_ms(confirming.x) {
            self.requests.count("link_over");
            return Err(Declined::Over);
        }
        Ok(confirming)
    }

    /// The subscriber whose pass this is.
    fn opened_own(&self, pass: &str) -> Result<(u32, Wish), Declined> {
        let number = self.house.owner(pass).ok_or_else(|| {
            self.requests.count("bad_link");
            Declined::NotOurs
        })?;
        let entry = self.book.entry(number).ok_or(Declined::Over)?;
        let components = self.engine.view().read(|state| {
            let known = state.incidents.subscribers.known.get(&number);
            known.map(|known| known.components.clone())
        });
        let wish = Wish {
            address: entry.address.map(String::from).unwrap_or_default(),
            channel: entry.channel,
            components: components.ok_or(Declined::Over)?,
            language: entry.language,
        };
        Ok((number, wish))
    }

    /// The address is theirs. Answers their number.
    async fn take(&self, confirming: Confirming) -> Result<u32, Declined> {
        let _one = self.confirming.lock().await;
        let book = self.book.clone();
        let followed = tokio::task::spawn_blocking(move || book.follow()).await;
        followed.map_err(|_| not_now("what is known can't be read"))?;
        let language: Name = confirming
            .l
            .parse()
            .map_err(|_| Declined::Malformed("language"))?;
        if let Some(number) = self.book.number(confirming.c, &confirming.a) {
            let verb = ChangeSubscriber {
                components: confirming.k,
                language,
                subscriber: subscriber_name(number),
            };
            let id = format!("hereby:subscriber:change:{}", confirming.i);
            match self.submit(&id, verb).await {
                Ok(_) => self.requests.count("changed"),
                // They have it so already.
                Err(refusal) if refusal.reason == Reason::WrongState => {}
                Err(refusal) => return Err(Declined::NotNow(refusal)),
            }
            return Ok(number);
        }
        let address = confirming.a.parse::<Line>();
        let verb = ConfirmSubscriber {
            address: address.map_err(|_| Declined::Malformed("address"))?,
            channel: confirming.c,
            components: confirming.k,
            language,
        };
        let id = format!("hereby:subscriber:confirm:{}", confirming.i);
        let subjects = self.submit(&id, verb).await.map_err(Declined::NotNow)?;
        let number = subjects.iter().find_map(|subject| match subject {
            Subject::Subscriber(name) => subscriber_number(name),
            _ => None,
        });
        let known = |number: &u32| {
            let view = self.engine.view();
            view.read(|state| state.incidents.subscribers.known.contains_key(number))
        };
        // A link that made a subscriber who has left since makes nobody else.
        let number = number.filter(known).ok_or(Declined::Over)?;
        self.requests.count("confirmed");
        Ok(number)
    }

    /// Asks an address whether it is theirs, later.
    fn ask_address(self: &Arc<Self>, wish: Wish) -> Result<(), Declined> {
        let place = self.asking.clone().try_acquire_owned();
        let place = place.map_err(|_| {
            self.requests.count("too_many");
            Declined::TooMany(60)
        })?;
        let confirming = self.confirming(&wish)?;
        let subscriptions = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let Ok(_turn) = subscriptions.asking_now.clone().acquire_owned().await else {
                return;
            };
            let outcome = match wish.channel {
                Channel::Mail => subscriptions.send_link(&wish, &confirming).await,
                Channel::Webhook => subscriptions.challenge(&wish, confirming).await,
            };
            subscriptions.requests.count(outcome);
        });
        Ok(())
    }
}

fn no_randomness() -> Declined {
    not_now("the system gives no random bytes")
}

fn not_now(why: &str) -> Declined {
    Declined::NotNow(Refusal::new(Reason::Overloaded, why))
}

fn mail_policy(mail: Option<&config::Mail>) -> Policy {
    let of = |value: fn(&config::Mail) -> u32, otherwise| mail.map_or(otherwise, value);
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    Policy {
        per_second: of(|mail| mail.per_second, 20),
        at_once: of(|mail| mail.connections, 4),
        pause: seconds(of(|mail| mail.retry_s, 60)),
        tries_max: of(|mail| mail.tries_max, 6),
        outage_max: seconds(of(|mail| mail.give_up_s, 14_400)),
    }
}

/// Webhooks are tried again as mail is.
fn hook_policy(settings: &config::Subscriptions, mail: Option<&config::Mail>) -> Policy {
    Policy {
        per_second: settings.per_second,
        at_once: settings.connections,
        ..mail_policy(mail)
    }
}

fn mail_server(mail: &config::Mail) -> Result<MailServer, Failure> {
    let from = mail.from.parse::<MailAddress>().map_err(Failure::usage)?;
    let password = mail.password_file.as_deref();
    let password = password.map(|path| secret_file::line(path, "the password"));
    let password = password.transpose()?;
    let (repeated, place) = (
        Repeated::default(),
        format!("{}:{}", mail.server, mail.port),
    );
    let trouble =
        move |why: &str| repeated.say(&format_args!("no mail goes out by {place}: {why}"));
    Ok(MailServer {
        trouble: Arc::new(trouble),
        host: mail.server.clone(),
        port: mail.port,
        encryption: match mail.encryption {
            config::Encryption::Starttls => Encryption::StartTls,
            config::Encryption::Tls => Encryption::Tls,
            config::Encryption::None => Encryption::None,
        },
        tls: trusted(mail.ca_file.as_deref())?,
        credentials: mail.user.clone().zip(password),
        from,
        connect_max: MAIL_CONNECT_MAX,
        answer_max: Duration::from_secs(u64::from(mail.answer_s)),
    })
}

/// The same, shared: what the server asks.
pub(crate) struct Port(pub(crate) Arc<Subscriptions>);

impl Subscriptions {
    /// Who asks, for the bounds: whoever a trusted proxy says, else whose connection it is.
    fn asker(&self, asker: &Asker) -> Option<std::net::IpAddr> {
        match asker.peer {
            Some(peer) if self.config.trusted_proxies.contains(&peer) => {
                asker.forwarded.or(Some(peer))
            }
            peer => peer,
        }
    }
}

impl Deref for Port {
    type Target = Arc<Subscriptions>;
    fn deref(&self) -> &Arc<Subscriptions> {
        &self.0
    }
}

impl web::Subscriptions for Port {
    fn title(&self) -> &str {
        &self.house.title
    }

    fn channels(&self) -> Vec<Channel> {
        self.0.channels()
    }

    fn choices(&self) -> Vec<Name> {
        self.0.choices()
    }

    fn ask(&self, asker: &Asker, wish: Wish) -> Result<(), Declined> {
        if let Err(declined) = self.possible(&wish) {
            self.requests.count("malformed");
            return Err(declined);
        }
        let taken = self
            .limits
            .take(self.asker(asker), &wish.address, Instant::now());
        match taken {
            Ok(()) => {
                self.requests.count("asked");
                self.ask_address(wish)
            }
            // Said in the same words as success: it would tell that somebody else asked.
            Err(Bound::Address) => {
                self.requests.count("too_many_to_one");
                Ok(())
            }
            Err(Bound::Asker(wait_s)) => {
                self.requests.count("too_many_of_one");
                Err(Declined::TooMany(wait_s))
            }
            Err(Bound::All(wait_s)) => {
                self.requests.count("too_many");
                Err(Declined::TooMany(wait_s))
            }
        }
    }

    fn opened(&self, purpose: Purpose, pass: &str) -> Result<Wish, Declined> {
        match purpose {
            Purpose::Confirm => {
                let confirming = self.opened_confirming(pass)?;
                Ok(Wish {
                    address: confirming.a,
                    channel: confirming.c,
                    components: confirming.k,
                    language: Language::of_tag(&confirming.l).unwrap_or_default(),
                })
            }
            Purpose::Manage => self.opened_own(pass).map(|(_, wish)| wish),
        }
    }

    fn confirm<'a>(&'a self, pass: &'a str) -> BoxFuture<'a, Result<String, Declined>> {
        Box::pin(async move {
            let number = self.take(self.opened_confirming(pass)?).await?;
            self.house.own_pass(number).ok_or(Declined::Over)
        })
    }

    fn change<'a>(
        &'a self,
        pass: &'a str,
        components: BTreeSet<Name>,
        language: Language,
    ) -> BoxFuture<'a, Result<(), Declined>> {
        Box::pin(async move {
            let (number, before) = self.opened_own(pass)?;
            self.offered(&components)?;
            if before.components == components && before.language == language {
                return Ok(());
            }
            let language = language.as_str().parse();
            let verb = ChangeSubscriber {
                components,
                language: language.map_err(|_| Declined::Malformed("language"))?,
                subscriber: subscriber_name(number),
            };
            let mut id = [0; 16];
            aws_lc_rs::rand::fill(&mut id).map_err(|_| no_randomness())?;
            let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let done = self
                .submit(&format!("hereby:subscriber:change:{id}"), verb)
                .await;
            done.map_err(Declined::NotNow)?;
            self.requests.count("changed");
            Ok(())
        })
    }

    fn leave<'a>(&'a self, pass: &'a str) -> BoxFuture<'a, Result<(), Declined>> {
        Box::pin(async move {
            let Some(number) = self.house.owner(pass) else {
                self.requests.count("bad_link");
                return Err(Declined::NotOurs);
            };
            let subscriber = subscriber_name(number);
            // The same whoever presses it how often.
            let id = format!("hereby:subscriber:leave:{subscriber}");
            match self.submit(&id, RemoveSubscriber { subscriber }).await {
                Ok(_) => self.requests.count("left"),
                // Somebody else has seen to it.
                Err(refusal) if refusal.reason == Reason::NotFound => {}
                Err(refusal) => return Err(Declined::NotNow(refusal)),
            }
            Ok(())
        })
    }

    fn addresses(&self) -> Result<BTreeMap<u32, String>, Refusal> {
        Ok(self.book.addresses())
    }

    fn preview(&self, draft: &Draft) -> Result<Json, Refusal> {
        self.previewed(draft)
    }

    fn progress(&self, notice: &Name) -> Option<[u32; 4]> {
        self.notices.progress(notice)
    }

    fn deliveries(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.tally.all()
    }

    fn requests(&self) -> Vec<(&'static str, u64)> {
        self.requests.all()
    }
}
