//! Sends one notice to everybody who is to get it, a bounded number at once.
//!
//! Each delivery is journalled as begun before its receiver can have it; what is not taken now is
//! tried again later, a bounded number of times; what nobody can say stays unknown. One slow
//! receiver takes one place among several, and no more.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::journal::{CannotWrite, Journal};
use super::ledger::{Counts, Entry, Step};
use super::letter::Message;
use super::smtp::{MailServer, Said, Sender};
use crate::outside::{Answered, HookUrl, Outside, Signed};

/// Mails in one conversation; then a new one is begun.
const MAILS_OF_ONE_CONVERSATION_MAX: u32 = 100;

/// Requests to one host at once.
const AT_ONE_HOST_MAX: u32 = 2;

/// How long a place waits where there is nothing to do right now, but soon may be.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The longest pause before another try.
const PAUSE_MAX: Duration = Duration::from_secs(1_800);

/// How something goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// By mail.
    Mail,
    /// By webhook.
    Webhook,
}

/// What goes to one of them.
pub enum Parcel {
    /// A mail.
    Mail(Message),
    /// A signed request.
    Hook(HookUrl, Signed),
}

/// What is sent to whom.
pub trait Letters: Send + Sync {
    /// What goes to the one with this number.
    ///
    /// # Errors
    /// The word for why there is nothing to send: they left, their address can't be read.
    fn parcel(&self, number: u32) -> Result<Parcel, &'static str>;
}

/// How deliveries are paced, and when they are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How many a second at most.
    pub per_second: u32,
    /// How many at once at most.
    pub at_once: u32,
    /// The pause before the first new try; each next one is twice as long, at most half an hour.
    pub pause: Duration,
    /// How often one delivery is put off at most.
    pub tries_max: u32,
    /// After so long in which the mail server took nothing from us, what waits has failed.
    pub outage_max: Duration,
}

/// What paces all deliveries of a channel together: when the next one may begin.
#[derive(Debug)]
pub struct Pace(Mutex<Instant>);

impl Default for Pace {
    fn default() -> Pace {
        Pace(Mutex::new(Instant::now()))
    }
}

impl Pace {
    /// Waits until another one may begin, at `per_second`.
    async fn wait(&self, per_second: u32) {
        let at = {
            let mut next_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = next_at.max(Instant::now());
            *next_at = at + Duration::from_secs(1) / per_second.max(1);
            at
        };
        sleep_until(at).await;
    }
}

/// Deliveries since the start, by channel and outcome.
#[derive(Debug, Default)]
pub struct Tally([[AtomicU64; 4]; 2]);

/// The words of [`Tally`]'s outcomes, in order.
const OUTCOMES: [(&str, Step); 4] = [
    ("done", Step::Done),
    ("failed", Step::Failed),
    ("unknown", Step::Unknown),
    ("later", Step::Later),
];

impl Tally {
    fn count(&self, channel: Channel, step: Step) {
        let at = OUTCOMES.iter().position(|(_, it)| *it == step);
        let row = self.0.get(usize::from(channel == Channel::Webhook));
        if let Some(count) = row.zip(at).and_then(|(row, at)| row.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each channel, outcome and count.
    pub fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
        let channels = ["mail", "webhook"].iter().zip(&self.0);
        let rows = channels.flat_map(|(channel, row)| {
            let cells = OUTCOMES.iter().zip(row);
            cells.map(|((word, _), count)| (*channel, *word, count.load(Ordering::Relaxed)))
        });
        rows.collect()
    }
}

/// What is needed to tell people.
pub struct Telling {
    /// Where what happens is written down.
    pub journal: Arc<Journal>,
    /// What is sent to whom.
    pub letters: Arc<dyn Letters>,
    /// Where mail is handed in; none: there is no such place, and mail fails.
    pub mail: Option<Arc<MailServer>>,
    /// How strangers' servers are reached.
    pub outside: Outside,
    /// How mail is paced.
    pub mail_policy: Policy,
    /// How webhooks are paced.
    pub hook_policy: Policy,
    /// The pace of all mail.
    pub mail_pace: Arc<Pace>,
    /// The pace of all webhooks.
    pub hook_pace: Arc<Pace>,
    /// What is counted.
    pub tally: Arc<Tally>,
}

/// Who is to be told how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The channel of each, by number.
    pub channels: BTreeMap<u32, Channel>,
}

/// Delivers everything that waits in the journal, and comes back when nothing does, or when it is
/// told to stop (`stop` becomes true): then what was begun is ended first.
///
/// # Errors
/// When the journal can't be written: then nothing more is sent.
pub async fn deliver(
    telling: Arc<Telling>,
    plan: &Plan,
    stop: &watch::Receiver<bool>,
) -> Result<Counts, CannotWrite> {
    let waiting: Vec<(u32, u32)> = telling.journal.ledger(|ledger| ledger.waiting().collect());
    let mut places = JoinSet::new();
    for channel in [Channel::Mail, Channel::Webhook] {
        let of_channel = |(number, _): &&(u32, u32)| {
            // Who left has no channel any more: any of them says so.
            let known = plan.channels.get(number).copied();
            known.unwrap_or(Channel::Mail) == channel
        };
        let queue: VecDeque<Waiting> = waiting
            .iter()
            .filter(of_channel)
            .map(|(number, tries)| Waiting::now(*number, *tries))
            .collect();
        let policy = match channel {
            Channel::Mail => telling.mail_policy,
            Channel::Webhook => telling.hook_policy,
        };
        let count = usize::try_from(policy.at_once)
            .unwrap_or(1)
            .min(queue.len());
        let desk = Arc::new(Desk {
            channel,
            policy,
            stop: stop.clone(),
            state: Mutex::new(State {
                queue,
                busy: 0,
                hosts: HashMap::new(),
                down_since: None,
            }),
            telling: telling.clone(),
        });
        for _ in 0..count {
            let desk = desk.clone();
            match channel {
                Channel::Mail => places.spawn(async move { desk.send_mails().await }),
                Channel::Webhook => places.spawn(async move { desk.send_hooks().await }),
            };
        }
    }
    while let Some(ended) = places.join_next().await {
        ended.map_err(|error| CannotWrite(error.to_string()))??;
    }
    Ok(telling.journal.ledger(|ledger| ledger.counts()))
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    number: u32,
    tries: u32,
    due: Instant,
}

impl Waiting {
    fn now(number: u32, tries: u32) -> Waiting {
        let due = Instant::now();
        Waiting { number, tries, due }
    }
}

/// All places of one channel share this.
struct Desk {
    channel: Channel,
    policy: Policy,
    stop: watch::Receiver<bool>,
    state: Mutex<State>,
    telling: Arc<Telling>,
}

struct State {
    queue: VecDeque<Waiting>,
    /// Deliveries that a place has in hand.
    busy: u32,
    /// Requests on their way, by host.
    hosts: HashMap<String, u32>,
    /// Since when the mail server has let nobody in, or taken nothing from us.
    down_since: Option<Instant>,
}

/// What a place does next.
enum Next {
    Take(Waiting),
    Wait,
    Stop,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Next {
        if *self.stop.borrow() {
            return Next::Stop;
        }
        let now = Instant::now();
        let mut state = self.state();
        let due = state.queue.iter().position(|waiting| waiting.due <= now);
        match due.and_then(|at| state.queue.remove(at)) {
            Some(waiting) => {
                state.busy += 1;
                Next::Take(waiting)
            }
            None if state.queue.is_empty() && state.busy == 0 => Next::Stop,
            None => Next::Wait,
        }
    }

    /// Takes the next one, when its time comes; none: everything has ended, or is to stop.
    async fn take(&self) -> Option<Waiting> {
        loop {
            match self.next() {
                Next::Take(waiting) => {
                    let pace = match self.channel {
                        Channel::Mail => &self.telling.mail_pace,
                        Channel::Webhook => &self.telling.hook_pace,
                    };
                    pace.wait(self.policy.per_second).await;
                    return Some(waiting);
                }
                Next::Wait => sleep(LOOK_AGAIN).await,
                Next::Stop => return None,
            }
        }
    }

    /// A delivery is out of hand again.
    fn put_down(&self) {
        let mut state = self.state();
        state.busy = state.busy.saturating_sub(1);
    }

    fn put_back(&self, waiting: Waiting) {
        let mut state = self.state();
        state.queue.push_back(waiting);
        state.busy = state.busy.saturating_sub(1);
    }

    /// Writes down how a delivery ended. What is not on the disk yet when we crash is unknown then.
    fn ended(&self, number: u32, step: Step, why: &str) -> Result<(), CannotWrite> {
        let entry = match why {
            "" => Entry::step(number, step),
            why => Entry::because(number, step, why),
        };
        drop(self.telling.journal.add(&entry)?);
        self.telling.tally.count(self.channel, step);
        self.put_down();
        Ok(())
    }

    /// It was not taken now: later, or not at all.
    fn put_off(&self, waiting: Waiting, why: &str) -> Result<(), CannotWrite> {
        if waiting.tries >= self.policy.tries_max {
            return self.ended(waiting.number, Step::Failed, why);
        }
        let entry = Entry::because(waiting.number, Step::Later, why);
        drop(self.telling.journal.add(&entry)?);
        self.telling.tally.count(self.channel, Step::Later);
        let pause = self.policy.pause * 2_u32.saturating_pow(waiting.tries.min(16));
        self.put_back(Waiting {
            tries: waiting.tries + 1,
            due: Instant::now() + pause.min(PAUSE_MAX),
            ..waiting
        });
        Ok(())
    }

    async fn begin(&self, number: u32) -> Result<(), CannotWrite> {
        let entry = Entry::step(number, Step::Begun);
        self.telling.journal.sync(&entry).await
    }
}

/// By mail.
impl Desk {
    async fn send_mails(&self) -> Result<(), CannotWrite> {
        let mut open: Option<(Sender, u32)> = None;
        while let Some(waiting) = self.take().await {
            let message = match self.telling.letters.parcel(waiting.number) {
                Ok(Parcel::Mail(message)) => message,
                Ok(Parcel::Hook(..)) => {
                    self.ended(waiting.number, Step::Failed, "not_mail")?;
                    continue;
                }
                Err(why) => {
                    self.ended(waiting.number, Step::Failed, why)?;
                    continue;
                }
            };
            let (sender, sent) = match open.take() {
                Some(open) => open,
                None => match self.converse(waiting).await? {
                    Some(sender) => (sender, 0),
                    None => continue,
                },
            };
            let sender = self.send_mail(sender, sent == 0, waiting, &message).await?;
            match sender {
                Some(sender) if sent + 1 < MAILS_OF_ONE_CONVERSATION_MAX => {
                    open = Some((sender, sent + 1));
                }
                Some(sender) => sender.end().await,
                None => {}
            }
        }
        if let Some((sender, _)) = open {
            sender.end().await;
        }
        Ok(())
    }

    /// A conversation with the server; none: there is none now, and the delivery was put back, or
    /// has failed because there was none for too long.
    async fn converse(&self, waiting: Waiting) -> Result<Option<Sender>, CannotWrite> {
        let Some(server) = &self.telling.mail else {
            self.ended(waiting.number, Step::Failed, "no_mail_server")?;
            return Ok(None);
        };
        match server.connect().await {
            Ok(sender) => Ok(Some(sender)),
            Err(_) => self
                .outage(waiting, "server_unreachable")
                .await
                .map(|()| None),
        }
    }

    /// The server takes nothing from us: the delivery is put back, or has failed because that has
    /// gone on for too long.
    async fn outage(&self, waiting: Waiting, why: &str) -> Result<(), CannotWrite> {
        let now = Instant::now();
        let down_since = *self.state().down_since.get_or_insert(now);
        let down = now.duration_since(down_since);
        if down >= self.policy.outage_max {
            return self.ended(waiting.number, Step::Failed, why);
        }
        // Nothing was sent: this counts against the server, not against whoever was to get it.
        self.put_back(Waiting {
            due: now + self.policy.pause.min(self.policy.outage_max - down),
            ..waiting
        });
        // A server that is down is asked by all places together as often as by one.
        sleep(self.policy.pause.min(Duration::from_secs(60))).await;
        Ok(())
    }

    /// It takes nothing from us. In a conversation that has gone on for a while that may be its
    /// end, and is asked again in a fresh one.
    async fn not_us(&self, fresh: bool, waiting: Waiting, why: &str) -> Result<(), CannotWrite> {
        if !fresh {
            self.put_back(waiting);
            return Ok(());
        }
        if let Some(server) = &self.telling.mail {
            (server.trouble)(why);
        }
        self.outage(waiting, "sender_refused").await
    }

    /// One mail, in a fresh conversation or not; gives it back if it can go on.
    async fn send_mail(
        &self,
        mut sender: Sender,
        fresh: bool,
        waiting: Waiting,
        message: &Message,
    ) -> Result<Option<Sender>, CannotWrite> {
        let number = waiting.number;
        let offered = sender.offer(message).await;
        if let Said::NotUs(why) = &offered {
            sender.end().await;
            self.not_us(fresh, waiting, why).await?;
            return Ok(None);
        }
        self.state().down_since = None;
        match offered {
            Said::Yes => {}
            Said::NotNow(why) => {
                self.put_off(waiting, &why)?;
                return Ok(sender.forget().await.then_some(sender));
            }
            Said::No(why) => {
                self.ended(number, Step::Failed, &why)?;
                return Ok(sender.forget().await.then_some(sender));
            }
            Said::Nothing | Said::NotUs(_) => {
                self.put_off(waiting, "connection_lost")?;
                return Ok(None);
            }
        }
        self.begin(number).await?;
        match sender.hand_in(message).await {
            Said::Yes => self.ended(number, Step::Done, "")?,
            Said::NotNow(why) => self.put_off(waiting, &why)?,
            Said::No(why) => self.ended(number, Step::Failed, &why)?,
            Said::Nothing | Said::NotUs(_) => {
                self.ended(number, Step::Unknown, "no_answer")?;
                return Ok(None);
            }
        }
        Ok(Some(sender))
    }
}

/// By webhook.
impl Desk {
    async fn send_hooks(&self) -> Result<(), CannotWrite> {
        while let Some(waiting) = self.take().await {
            let (url, signed) = match self.telling.letters.parcel(waiting.number) {
                Ok(Parcel::Hook(url, signed)) => (url, signed),
                Ok(Parcel::Mail(_)) => {
                    self.ended(waiting.number, Step::Failed, "not_a_webhook")?;
                    continue;
                }
                Err(why) => {
                    self.ended(waiting.number, Step::Failed, why)?;
                    continue;
                }
            };
            if !self.enter(url.host()) {
                self.put_back(Waiting {
                    due: Instant::now() + LOOK_AGAIN,
                    ..waiting
                });
                continue;
            }
            let sent = self.send_hook(waiting, &url, &signed).await;
            self.leave(url.host());
            sent?;
        }
        Ok(())
    }

    /// Whether there is a place at this host.
    fn enter(&self, host: &str) -> bool {
        let mut state = self.state();
        let at_host = state.hosts.entry(host.to_owned()).or_default();
        let free = *at_host < AT_ONE_HOST_MAX;
        *at_host += u32::from(free);
        free
    }

    fn leave(&self, host: &str) {
        let mut state = self.state();
        if let Some(at_host) = state.hosts.get_mut(host) {
            *at_host = at_host.saturating_sub(1);
            if *at_host == 0 {
                state.hosts.remove(host);
            }
        }
    }

    async fn send_hook(
        &self,
        waiting: Waiting,
        url: &HookUrl,
        signed: &Signed,
    ) -> Result<(), CannotWrite> {
        let number = waiting.number;
        let outside = &self.telling.outside;
        let line = match outside.connect(url).await {
            Ok(line) => line,
            Err(unsent) if unsent.passing => return self.put_off(waiting, unsent.why),
            Err(unsent) => return self.ended(number, Step::Failed, unsent.why),
        };
        self.begin(number).await?;
        match outside.post(line, url, signed).await {
            Ok(Answered::Status(status, _)) if status.is_success() => {
                self.ended(number, Step::Done, "")
            }
            // They say that they did not take it, and know a repeat by its id.
            Ok(Answered::Status(status, _))
                if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) =>
            {
                self.put_off(waiting, &format!("http_{}", status.as_u16()))
            }
            Ok(Answered::Status(status, _)) => {
                self.ended(number, Step::Failed, &format!("http_{}", status.as_u16()))
            }
            Ok(Answered::Lost) => self.ended(number, Step::Unknown, "no_answer"),
            Err(unsent) => self.put_off(waiting, unsent.why),
        }
    }
}
