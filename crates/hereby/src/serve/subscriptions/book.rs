//! Where subscribers are told, in memory: read from the acts that confirmed them and their keys,
//! and from nothing else. It follows the record; who left is forgotten.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::ActId;
use engine::Engine;
use language::Language;
use record::act::Act;
use record::kinds::Body;
use record::kinds::subscriber::Channel;
use store::Keystore;

/// All addresses.
pub(super) struct Book {
    engine: Arc<Engine>,
    keystore: Arc<Keystore>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Everybody up to this number was looked at.
    upto: u32,
    known: BTreeMap<u32, (Channel, Option<Box<str>>)>,
    by_address: HashMap<(Channel, String), u32>,
}

/// One subscriber as they stand now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) channel: Channel,
    /// None: it can't be read.
    pub(super) address: Option<Box<str>>,
    pub(super) language: Language,
}

impl Book {
    pub(super) fn new(engine: Arc<Engine>, keystore: Arc<Keystore>) -> Book {
        Book {
            engine,
            keystore,
            inner: Mutex::new(Inner::default()),
        }
    }

    pub(super) fn keystore(&self) -> &Keystore {
        &self.keystore
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on to what the record says now. Blocks: each new address is read from the disk.
    pub(super) fn follow(&self) {
        let mut inner = self.inner();
        let upto = inner.upto;
        let (fresh, count) = self.engine.view().read(|state| {
            let subscribers = &state.incidents.subscribers;
            let fresh = subscribers.known.range(upto.saturating_add(1)..);
            let fresh: Vec<(u32, Channel, ActId)> = fresh
                .map(|(number, known)| (*number, known.channel, known.confirmed_act))
                .collect();
            (fresh, subscribers.known.len())
        });
        for (number, channel, act) in fresh {
            let address = self.read(act);
            inner.put(number, channel, address);
        }
        if inner.known.len() != count {
            self.engine.view().read(|state| {
                let known = &state.incidents.subscribers.known;
                inner.keep(|number| known.contains_key(number));
            });
        }
    }

    /// The address in an act; none where it can't be read.
    fn read(&self, act: ActId) -> Option<Box<str>> {
        let entries = self.engine.entries();
        let index = entries.find_act(&act).ok()??;
        let entry = entries.entry(index).ok()??;
        let mut act = Act::decode(&entry).ok()?;
        act.open(&mut |name| self.keystore.key(name).ok().flatten())
            .ok()?;
        match &act.body {
            Body::SubscriberConfirmed(confirmed) => {
                let address = confirmed.address.readable()?;
                Some(address.as_str().into())
            }
            _ => None,
        }
    }

    /// The subscriber with this number, as they stand on the record now.
    pub(super) fn entry(&self, number: u32) -> Option<Entry> {
        let (language, act) = self.engine.view().read(|state| {
            let known = state.incidents.subscribers.known.get(&number)?;
            Some((
                Language::of_tag(known.language.as_str()),
                known.confirmed_act,
            ))
        })?;
        let found = self.inner().known.get(&number).cloned();
        let (channel, address) = match found {
            Some((channel, Some(address))) => (channel, Some(address)),
            // Not followed yet, or its key was not there: perhaps it is now.
            _ => {
                self.follow();
                let (channel, _) = self.inner().known.get(&number).cloned()?;
                let address = self.read(act);
                self.inner().put(number, channel, address.clone());
                (channel, address)
            }
        };
        Some(Entry {
            channel,
            address,
            language: language.unwrap_or_default(),
        })
    }

    /// Who is told at this address.
    pub(super) fn number(&self, channel: Channel, address: &str) -> Option<u32> {
        let inner = self.inner();
        inner
            .by_address
            .get(&(channel, folded(channel, address)))
            .copied()
    }

    /// Every address that can be read, by number.
    pub(super) fn addresses(&self) -> BTreeMap<u32, String> {
        self.follow();
        let inner = self.inner();
        let known = inner.known.iter();
        known
            .filter_map(|(number, (_, address))| Some((*number, address.as_ref()?.to_string())))
            .collect()
    }
}

/// Two addresses that differ in case alone are one person's mailbox as far as anybody knows; paths
/// of URLs are not.
fn folded(channel: Channel, address: &str) -> String {
    match channel {
        Channel::Mail => address.to_ascii_lowercase(),
        Channel::Webhook => address.to_owned(),
    }
}

impl Inner {
    fn put(&mut self, number: u32, channel: Channel, address: Option<Box<str>>) {
        self.upto = self.upto.max(number);
        if let Some(address) = &address {
            self.by_address
                .insert((channel, folded(channel, address)), number);
        }
        self.known.insert(number, (channel, address));
    }

    fn keep(&mut self, stays: impl Fn(&u32) -> bool) {
        self.known.retain(|number, _| stays(number));
        self.by_address.retain(|_, number| stays(number));
    }
}
