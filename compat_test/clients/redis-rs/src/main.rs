//! redis-rs with its defaults: locks by SET NX PX, and lockd's own commands.
//! Run by ../run.sh with the port and the version as its arguments.

use redis::{cmd, pipe, Commands, ExistenceCheck, RedisResult, SetExpiry, SetOptions};

fn main() -> RedisResult<()> {
    let args: Vec<String> = std::env::args().collect();
    let client = redis::Client::open(format!("redis://127.0.0.1:{}/", args[1]))?;
    let mut con = client.get_connection()?;

    let key = "clients:redis-rs";
    let options = SetOptions::default()
        .conditional_set(ExistenceCheck::NX)
        .with_expiration(SetExpiry::PX(30000));
    let _: i64 = con.del(key)?;
    let set: Option<String> = con.set_options(key, "alice", options.clone())?;
    assert_eq!(set.as_deref(), Some("OK"), "SET NX");
    let set: Option<String> = con.set_options(key, "bob", options)?;
    assert_eq!(set, None, "SET NX of a held one");
    let owner: Option<String> = con.get(key)?;
    assert_eq!(owner.as_deref(), Some("alice"), "GET");
    let left: i64 = con.pttl(key)?;
    assert!(left > 0 && left <= 30000, "PTTL {left}");
    let deleted: i64 = con.del(key)?;
    assert_eq!(deleted, 1, "DEL");
    let owner: Option<String> = con.get(key)?;
    assert_eq!(owner, None, "GET of a free one");

    let token: i64 = cmd("LOCK").arg(key).arg("alice").arg(30000).query(&mut con)?;
    assert!(token > 0, "LOCK's token {token}");
    let held: Option<i64> = cmd("LOCK").arg(key).arg("bob").arg(30000).query(&mut con)?;
    assert_eq!(held, None, "LOCK of a held one");
    let freed: i64 = cmd("UNLOCK").arg(key).arg("bob").query(&mut con)?;
    assert_eq!(freed, 0, "UNLOCK by another");
    let freed: i64 = cmd("UNLOCK").arg(key).arg("alice").query(&mut con)?;
    assert_eq!(freed, 1, "UNLOCK");
    let later: i64 = cmd("LOCK").arg(key).arg("bob").arg(30000).query(&mut con)?;
    assert!(later > token, "a later token is larger");
    let (owner, locked, deleted): (String, i64, i64) = pipe()
        .get(key)
        .cmd("ISLOCKED")
        .arg(key)
        .del(key)
        .query(&mut con)?;
    assert_eq!((owner.as_str(), locked, deleted), ("bob", 1, 1), "a pipeline");

    println!("ok redis-rs {}", args[2]);
    Ok(())
}
