//! The engine with its threads: what callers see of it.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use record::kinds::Body;

use super::disk::Fault;
use super::*;
use crate::{Duty, Engine};

fn engine(house: &House) -> Engine {
    Engine::start(house.options()).unwrap()
}

#[tokio::test]
async fn what_was_answered_is_seen_by_readers() {
    let house = House::shut();
    let engine = engine(&house);
    for number in 1..=20 {
        let outcome = engine
            .submit(local(&format!("d-{number}"), declare("x")))
            .await;
        assert_eq!(done(outcome)[0].index, u64::from(number));
        let seen = engine
            .view()
            .read(|state| state.incidents.incidents_declared);
        assert_eq!(seen, number);
        assert!(engine.view().head().size > u64::from(number));
    }
    let report = engine
        .signals(LOCAL, vec![firing("a", "checkout", house.now())])
        .await
        .unwrap();
    assert_eq!(report.receipts.len(), 1);
    assert_eq!(engine.beat(LOCAL, word("backup")).await, Ok(false));
    engine.stop();
    let leaves: Vec<_> = house
        .disk
        .entries()
        .iter()
        .map(|entry| record::hash::leaf(entry))
        .collect();
    assert_eq!(
        house.disk.leaves(),
        leaves,
        "all of it was published before the end"
    );
}

#[tokio::test]
async fn a_stopped_engine_says_so() {
    let house = House::shut();
    let engine = engine(&house);
    engine.stop();
    assert_eq!(
        reason(&engine.submit(local("d-1", declare("x"))).await),
        Reason::Stopping
    );
    let report = engine.signals(LOCAL, Vec::new()).await.unwrap();
    assert_eq!(report.refused.unwrap().reason, Reason::Stopping);
    let beat = engine.beat(LOCAL, word("backup")).await.unwrap_err();
    assert_eq!(beat.reason, Reason::Stopping);
}

#[tokio::test]
async fn a_fatal_write_is_unknown_to_who_asked_and_told_to_the_process() {
    let house = House::shut();
    let (sender, told) = mpsc::channel();
    let options = Options {
        on_fatal: Box::new(move |error| sender.send(error.to_string()).unwrap()),
        ..house.options()
    };
    let engine = Engine::start(options).unwrap();
    house.disk.fail(Fault::Append);
    assert_eq!(
        engine.submit(local("d-1", declare("x"))).await,
        Outcome::Unknown
    );
    let error = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(error.contains("the batch"), "{error}");
    // Reading goes on, asking does not.
    engine.view().caught_up(1).await;
    assert_eq!(engine.view().read(|state| state.log.acts), 1);
    assert_eq!(
        reason(&engine.submit(local("d-2", declare("x"))).await),
        Reason::Stopping
    );
}

#[tokio::test]
async fn an_answer_waits_for_readers_and_cites_a_checkpoint_that_covers_it() {
    let house = House::shut();
    let engine = Arc::new(engine(&house));
    let ask = |engine: &Arc<Engine>| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.submit(local("d-1", declare("x"))).await })
    };
    // Whoever reads the state holds up those who follow the writer, and not the writer.
    let (reading, read) = mpsc::channel();
    let (release, held) = mpsc::channel();
    let reader = {
        let engine = engine.clone();
        std::thread::spawn(move || {
            engine.view().read(|_| {
                reading.send(()).unwrap();
                held.recv().unwrap();
            });
        })
    };
    read.recv().unwrap();
    let (first, again) = (ask(&engine), ask(&engine));
    while house.disk.size() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::task::yield_now().await;
    assert!(!first.is_finished(), "readers have not seen it");
    assert!(!again.is_finished(), "nor what is told of it again");
    release.send(()).unwrap();
    reader.join().unwrap();
    let (first, again) = (done(first.await.unwrap()), done(again.await.unwrap()));
    assert_eq!(places(&first), places(&again));
    for receipt in first.iter().chain(&again) {
        assert!(receipt.head.size > receipt.index, "{}", receipt.head.size);
        assert!(engine.view().head().size > receipt.index);
    }
}

/// Starts an engine whose writer begins only when the sender says so, and as many callers that
/// have all asked by then.
async fn crowd(house: &House, count: usize) -> Vec<(String, Outcome)> {
    let (begin, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let on_thread_start = Arc::new(move |duty| {
        if duty == Duty::Writes {
            wait.lock().unwrap().recv().unwrap();
        }
    });
    let engine = Arc::new(
        Engine::start(Options {
            on_thread_start,
            ..house.options()
        })
        .unwrap(),
    );
    let asked = Arc::new(AtomicI64::new(0));
    let callers: Vec<_> = (0..count)
        .map(|number| {
            let (engine, asked) = (engine.clone(), asked.clone());
            tokio::spawn(async move {
                let title = format!("number-{number}");
                asked.fetch_add(1, Ordering::Relaxed);
                let outcome = engine.submit(local(&title, declare(&title))).await;
                (title, outcome)
            })
        })
        .collect();
    while asked.load(Ordering::Relaxed) < i64::try_from(count).unwrap() {
        tokio::task::yield_now().await;
    }
    begin.send(()).unwrap();
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn many_callers_share_a_batch_and_get_receipts_of_their_own() {
    let house = House::shut();
    let outcomes = crowd(&house, 200).await;
    let acts = house.acts();
    for (title, outcome) in outcomes {
        let act = &acts[usize::try_from(done(outcome)[0].index).unwrap()];
        let Body::IncidentDeclared(declared) = &act.body else {
            unreachable!()
        };
        assert_eq!(declared.title.to_string(), title);
    }
    assert_eq!(house.disk.batches(), [(0, 1, true), (1, 200, true)]);
}

#[tokio::test]
async fn what_is_more_than_can_wait_is_refused_at_once() {
    let house = House::shut();
    let outcomes = crowd(&house, 4_100).await;
    let refused = outcomes
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Done(_)));
    let refused: Vec<_> = refused.map(|(_, outcome)| reason(outcome)).collect();
    assert_eq!(refused, [Reason::Overloaded; 4]);
    assert_eq!(house.disk.size(), 4_097);
    let sizes: Vec<_> = house
        .disk
        .batches()
        .iter()
        .map(|(_, size, _)| *size)
        .collect();
    assert_eq!(
        sizes,
        [1, 1_024, 1_024, 1_024, 1_024],
        "and batches have a limit too"
    );
}

#[tokio::test]
async fn one_that_was_killed_before_it_kept_a_snapshot_keeps_one_later() {
    let mut house = House::new();
    let declares = |number| local(&format!("d-{number}"), declare("x"));
    house.together((0..1_000).map(declares).collect());
    house.together((1_000..2_000).map(declares).collect());
    // The process ends without a word: the driver keeps nothing when it is dropped.
    house.driver = None;
    assert!(crate::ports::Snapshots::newest(&*house.kept).is_none());
    engine(&house).stop();
    let (size, _) = crate::ports::Snapshots::newest(&*house.kept).unwrap();
    assert_eq!(size, house.disk.size());
}
