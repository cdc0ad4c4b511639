//! What all libraries are asked, whatever their own words for it are; the same as ../../python/kit.py.

use crate::{features, Library, Owner};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

pub type Outcome = Result<(), String>;

const TTL: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(5);
const FAILOVER_TTL: Duration = Duration::from_secs(2);
/// The longest time without a lock through a change of leader.
const WITHOUT: Duration = Duration::from_secs(10);

pub fn want(so: bool, otherwise: &str) -> Outcome {
    if so {
        Ok(())
    } else {
        Err(otherwise.to_string())
    }
}

pub fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{what}-{now:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

const COMMON: [&str; 7] = ["acquire", "contend", "extend", "expire", "release", "release by another", "wait"];

async fn common(name: &str, library: &Library) -> Outcome {
    let key = unique(name);
    let owner = |ttl| library.owner(&key, ttl);
    match name {
        "acquire" => {
            let mut a = owner(LONG);
            want(a.try_lock().await?, "a free lock was not given")?;
            a.release().await.map(|_| ())
        }
        "contend" => {
            want(owner(LONG).try_lock().await?, "a free lock was not given")?;
            want(!owner(LONG).try_lock().await?, "a second owner got a held lock")
        }
        "extend" => extend(owner(TTL), owner(TTL)).await,
        "expire" => {
            want(owner(TTL).try_lock().await?, "a free lock was not given")?;
            sleep(TTL * 18 / 10).await;
            want(owner(TTL).try_lock().await?, "the lock is held beyond its time")
        }
        "release" => {
            let (mut a, mut b) = (owner(LONG), owner(LONG));
            want(a.try_lock().await?, "a free lock was not given")?;
            want(a.release().await? != Some(false), "the owner could not release")?;
            want(b.try_lock().await?, "a released lock is not free")
        }
        "release by another" => foreign(owner(TTL), owner(LONG), owner(LONG)).await,
        _ => wait(owner(LONG), owner(LONG)).await,
    }
}

async fn extend(mut a: Owner, mut b: Owner) -> Outcome {
    want(a.try_lock().await?, "a free lock was not given")?;
    sleep(TTL * 6 / 10).await;
    want(a.extend(TTL).await?, "the owner could not extend")?;
    sleep(TTL * 6 / 10).await;
    want(!b.try_lock().await?, "an extended lock expired at its first time")?;
    sleep(TTL * 12 / 10).await;
    want(b.try_lock().await?, "an extended lock never expired")
}

async fn foreign(mut a: Owner, mut b: Owner, mut c: Owner) -> Outcome {
    want(a.try_lock().await?, "a free lock was not given")?;
    sleep(TTL * 18 / 10).await;
    want(b.try_lock().await?, "the lock is held beyond its time")?;
    want(a.release().await? != Some(true), "who no longer owns it released it")?;
    want(!c.try_lock().await?, "who no longer owns it made it free")
}

async fn wait(mut a: Owner, mut b: Owner) -> Outcome {
    want(a.try_lock().await?, "a free lock was not given")?;
    let waiting = tokio::spawn(async move { b.wait(Duration::from_secs(4)).await });
    sleep(Duration::from_millis(300)).await;
    want(!waiting.is_finished(), "the second did not wait")?;
    a.release().await?;
    let begin = Instant::now();
    want(waiting.await.map_err(crate::text)??, "the lock was not given to who waited")?;
    want(begin.elapsed() < Duration::from_millis(3500), "it came only when the waiting was over")
}

async fn once(name: &str, library: &Library, out: &mut String) -> bool {
    let mut good = true;
    for feature in COMMON.iter().chain(features(name)) {
        let outcome = match COMMON.contains(feature) {
            true => common(feature, library).await,
            false => library.feature(feature).await,
        };
        good &= outcome.is_ok();
        let _ = match outcome {
            Ok(()) => writeln!(out, "ok {feature}"),
            Err(why) => writeln!(out, "fail {feature}: {why}"),
        };
    }
    good
}

/// Who believes to own the lock, and until when; and what was seen.
struct Watch {
    holder: Option<usize>,
    until: Instant,
    last: Instant,
    done: u64,
    errors: u64,
    gap: Duration,
    wrong: String,
    why: String,
}

impl Watch {
    fn enter(&mut self, who: usize, until: Instant) {
        let now = Instant::now();
        if let (Some(holder), true) = (self.holder, now < self.until) {
            self.wrong = format!("{who} got it while {holder} had it for {:?} more; ", self.until - now);
        }
        (self.holder, self.until) = (Some(who), until);
        (self.done, self.gap, self.last) = (self.done + 1, self.gap.max(now - self.last), now);
    }

    fn leave(&mut self, who: usize) {
        if self.holder == Some(who) {
            self.holder = None;
        }
    }
}

/// compete takes and frees the lock until the end; errors are what a user would try again after.
async fn compete(library: Library, key: String, who: usize, watch: Arc<Mutex<Watch>>, end: Instant) {
    while Instant::now() < end {
        let (begin, mut owner) = (Instant::now(), library.owner(&key, FAILOVER_TTL));
        let mut got = owner.try_lock().await;
        if let Ok(true) = got {
            watch.lock().unwrap().enter(who, begin + FAILOVER_TTL);
            sleep(Duration::from_millis(10)).await;
            watch.lock().unwrap().leave(who);
            got = owner.release().await.map(|_| true);
        }
        if let Err(why) = got {
            let mut watch = watch.lock().unwrap();
            (watch.errors, watch.why) = (watch.errors + 1, format!(", last error {why}"));
        }
        sleep(Duration::from_millis(30)).await;
    }
}

/// failover lets two compete for one lock, and tells whether they never had it both, nor long neither.
async fn failover(library: Library, seconds: f64, begun: Arc<tokio::sync::Barrier>, out: &mut String) -> bool {
    let now = Instant::now();
    let watch = Arc::new(Mutex::new(Watch {
        holder: None, until: now, last: now, done: 0, errors: 0, gap: Duration::ZERO,
        wrong: String::new(), why: String::new(),
    }));
    let (key, end) = (unique("failover"), now + Duration::from_secs_f64(seconds));
    let both: Vec<_> =
        (0..2).map(|who| tokio::spawn(compete(library.clone(), key.clone(), who, watch.clone(), end))).collect();
    while watch.lock().unwrap().done == 0 && Instant::now() < end {
        sleep(Duration::from_millis(10)).await;
    }
    if begun.wait().await.is_leader() {
        println!("begin");
    }
    let mut stuck = "";
    for one in both {
        let left = end.saturating_duration_since(Instant::now()) + Duration::from_secs(15);
        if tokio::time::timeout(left, one).await.is_err() {
            stuck = "a call hangs; ";
        }
    }
    let w = watch.lock().unwrap();
    let gap = w.gap.max(w.last.elapsed());
    let good = stuck.is_empty() && w.wrong.is_empty() && gap < WITHOUT && w.done > 0;
    let _ = writeln!(
        out, "{} leader killed: {stuck}{}{} locks, {} errors, longest gap {:.1} s{}",
        if good { "ok" } else { "fail" }, w.wrong, w.done, w.errors, gap.as_secs_f64(), w.why,
    );
    good
}

/// version is that of a package in Cargo.lock.
fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = include_str!("../Cargo.lock").lines().skip_while(|line| *line != name);
    lines.nth(1).and_then(|line| line.split('"').nth(1)).unwrap_or("unknown")
}

/// run is the program: all libraries at once, printed in their order.
pub async fn run(libraries: &[(&'static str, &'static str)]) {
    let args: Vec<String> = std::env::args().collect();
    let (mode, address) = (args[1].clone(), args[2].clone());
    let seconds: f64 = args[3].parse().expect("SECONDS is a number");
    let chosen: Vec<_> = libraries.iter().filter(|l| args.len() == 4 || args[4..].contains(&l.0.to_string())).collect();
    let begun = Arc::new(tokio::sync::Barrier::new(chosen.len()));
    let mut tasks = Vec::new();
    for &&(name, package) in &chosen {
        let (mode, address, begun) = (mode.clone(), address.clone(), begun.clone());
        tasks.push(tokio::spawn(async move {
            let mut out = format!("library {name} {}\n", version(package));
            let good = match Library::connect(name, &address).await {
                Ok(library) if mode == "once" => once(name, &library, &mut out).await,
                Ok(library) => failover(library, seconds, begun, &mut out).await,
                Err(why) => {
                    let _ = writeln!(out, "fail connect: {why}");
                    false
                }
            };
            (good, out)
        }));
    }
    let mut good = true;
    for task in tasks {
        let (well, out) = task.await.expect("a library's task");
        good &= well;
        print!("{out}");
    }
    std::process::exit(if good { 0 } else { 1 });
}
