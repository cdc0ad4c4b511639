//! The Rust lock libraries, each as its users use it: rslock, and SET NX with scripts on redis-rs.
//!
//!     lockd-locks once|failover HOST:PORT SECONDS [library…]
//!
//! kit.rs is what both are asked; here is what each calls that, and what it has beyond.

mod kit;

use futures::StreamExt;
use kit::{unique, want, Outcome};
use redis::aio::ConnectionManager;
use rslock::{Lock, LockError, LockManager};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
const EXTEND: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

/// A library, connected.
#[derive(Clone)]
pub enum Library {
    Rslock(String, LockManager),
    RedisRs(redis::Client, ConnectionManager),
}

impl Library {
    pub async fn connect(name: &str, address: &str) -> Result<Library, String> {
        let uri = format!("redis://{address}");
        if name == "rslock" {
            return Ok(Library::Rslock(uri.clone(), LockManager::new(vec![uri])));
        }
        let client = redis::Client::open(uri).map_err(text)?;
        let manager = client.get_connection_manager().await.map_err(text)?;
        Ok(Library::RedisRs(client, manager))
    }

    pub fn owner(&self, key: &str, ttl: Duration) -> Owner {
        let by = match self {
            Library::Rslock(_, manager) => By::Rslock(manager.clone(), None),
            Library::RedisRs(_, connection) => By::RedisRs(connection.clone(), unique("token")),
        };
        Owner { key: format!("rust:{key}"), ttl, by }
    }

    /// What the library has beyond what all have.
    pub async fn feature(&self, name: &str) -> Outcome {
        match (self, name) {
            (Library::Rslock(_, manager), "using, extends by itself") => using(self, manager).await,
            (Library::Rslock(uri, _), "redlock over three databases") => redlock(uri).await,
            (Library::RedisRs(_, connection), "multi") => multi(connection.clone()).await,
            (Library::RedisRs(client, connection), "subscribe") => subscribe(client, connection.clone()).await,
            _ => Err(format!("no feature {name}")),
        }
    }
}

/// The features beyond what all have, by the library's name.
pub fn features(name: &str) -> &'static [&'static str] {
    match name {
        "rslock" => &["using, extends by itself", "redlock over three databases"],
        _ => &["multi", "subscribe"],
    }
}

pub fn text<E: std::fmt::Display>(err: E) -> String {
    err.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Somebody who wants a lock; each call tells whether it worked.
pub struct Owner {
    key: String,
    ttl: Duration,
    by: By,
}

enum By {
    Rslock(LockManager, Option<Lock>),
    RedisRs(ConnectionManager, String),
}

/// rslock says Unavailable for a held lock as well as for a server that does not answer.
fn held(result: Result<Lock, LockError>) -> Result<Option<Lock>, String> {
    match result {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Unavailable) => Ok(None),
        Err(err) => Err(text(err)),
    }
}

impl Owner {
    pub async fn try_lock(&mut self) -> Result<bool, String> {
        match &mut self.by {
            By::Rslock(manager, lock) => {
                let mut once = manager.clone();
                once.set_retry(1, Duration::from_millis(50));
                *lock = held(once.lock(self.key.as_bytes(), self.ttl).await)?;
                Ok(lock.is_some())
            }
            By::RedisRs(connection, token) => {
                let mut set = redis::cmd("SET");
                set.arg(&self.key).arg(&*token).arg("NX").arg("PX").arg(self.ttl.as_millis() as u64);
                let reply: Option<String> = set.query_async(connection).await.map_err(text)?;
                Ok(reply.is_some())
            }
        }
    }

    pub async fn wait(&mut self, most: Duration) -> Result<bool, String> {
        if let By::Rslock(manager, lock) = &mut self.by {
            let mut patient = manager.clone();
            patient.set_retry(most.as_millis() as u32 / 25, Duration::from_millis(50));
            *lock = held(patient.lock(self.key.as_bytes(), self.ttl).await)?;
            return Ok(lock.is_some());
        }
        let end = Instant::now() + most;
        while Instant::now() < end {
            if self.try_lock().await? {
                return Ok(true);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(false)
    }

    pub async fn extend(&mut self, ttl: Duration) -> Result<bool, String> {
        match &mut self.by {
            By::Rslock(manager, lock) => {
                let old = lock.take().ok_or("not locked")?;
                *lock = held(manager.extend(&old, ttl).await)?;
                Ok(lock.is_some())
            }
            By::RedisRs(connection, token) => {
                let script = redis::Script::new(EXTEND);
                let mut call = script.key(&self.key);
                call.arg(&*token).arg(ttl.as_millis() as u64);
                call.invoke_async::<bool>(connection).await.map_err(text)
            }
        }
    }

    /// None where the library does not say.
    pub async fn release(&mut self) -> Result<Option<bool>, String> {
        match &mut self.by {
            By::Rslock(_, lock) => {
                lock.take().ok_or("not locked")?.release().await;
                Ok(None)
            }
            By::RedisRs(connection, token) => {
                let script = redis::Script::new(RELEASE);
                let mut call = script.key(&self.key);
                call.arg(&*token);
                call.invoke_async::<bool>(connection).await.map(Some).map_err(text)
            }
        }
    }
}

async fn using(library: &Library, manager: &LockManager) -> Outcome {
    let key = unique("using");
    let name = format!("rust:{key}");
    let mut other = library.owner(&key, Duration::from_secs(5));
    let inside = manager
        .using(name.as_bytes(), Duration::from_secs(1), async || {
            sleep(Duration::from_millis(1800)).await;
            other.try_lock().await
        })
        .await
        .map_err(text)??;
    want(!inside, "it expired though it is extended")?;
    want(library.owner(&key, Duration::from_secs(1)).try_lock().await?, "it is held after its end")
}

async fn redlock(uri: &str) -> Outcome {
    let manager = LockManager::new((1..4).map(|db| format!("{uri}/{db}")).collect());
    let library = Library::Rslock(uri.to_string(), manager);
    let key = unique("redlock");
    let (mut a, mut b) = (library.owner(&key, Duration::from_secs(5)), library.owner(&key, Duration::from_secs(5)));
    want(a.try_lock().await?, "a free lock was not given")?;
    want(!b.try_lock().await?, "a second owner got a held lock")?;
    a.release().await?;
    want(b.try_lock().await?, "a released lock is not free")
}

async fn multi(mut connection: ConnectionManager) -> Outcome {
    let mut pipe = redis::pipe();
    pipe.atomic().set("rust:multi", "a").ignore().cmd("GETDEL").arg("rust:multi");
    let (got,): (String,) = pipe.query_async(&mut connection).await.map_err(text)?;
    want(got == "a", "the replies of MULTI")
}

async fn subscribe(client: &redis::Client, mut connection: ConnectionManager) -> Outcome {
    let channel = unique("channel");
    let (mut sink, mut stream) = client.get_async_pubsub().await.map_err(text)?.split();
    sink.subscribe(&channel).await.map_err(text)?;
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(&channel).arg("free");
    let counted: u32 = publish.query_async(&mut connection).await.map_err(text)?;
    want(counted == 1, "PUBLISH does not count the subscriber")?;
    let message = tokio::time::timeout(Duration::from_secs(3), stream.next()).await.map_err(text)?;
    let got: String = message.ok_or("the subscription ended")?.get_payload().map_err(text)?;
    want(got == "free", "the message")
}

#[tokio::main]
async fn main() {
    kit::run(&[("rslock", "rslock"), ("redis-rs, SET NX and scripts", "redis")]).await
}
