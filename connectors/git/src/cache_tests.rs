//! Tests of [`super`]; nothing else may use them.

use super::*;

fn oid(n: u8) -> Oid {
    Oid::from_bytes(&[n; 20]).unwrap()
}

fn holds(cache: &CommitCache, n: u8) -> bool {
    cache.load(Table::Files, &[oid(n)]).contains_key(&oid(n))
}

#[test]
fn facts_survive_and_tables_are_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    CommitCache::open(&path).store(Table::Files, &[(oid(1), vec![9]), (oid(2), vec![])]);
    let cache = CommitCache::open(&path);
    let found = cache.load(Table::Files, &[oid(1), oid(2), oid(3)]);
    assert_eq!(found, HashMap::from([(oid(1), vec![9]), (oid(2), vec![])]));
    assert!(cache.load(Table::Diffs, &[oid(1)]).is_empty());
}

#[test]
fn a_damaged_file_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    for damage in [&b"this is not a database, not at all, and quite long so"[..], &[0xff; 8192]] {
        std::fs::write(&path, damage).unwrap();
        let cache = CommitCache::open(&path);
        cache.store(Table::Files, &[(oid(1), vec![1])]);
        assert!(holds(&cache, 1));
        drop(cache);
        assert!(holds(&CommitCache::open(&path), 1));
    }
}

#[test]
fn a_file_damaged_in_the_middle_never_fails_a_question() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    let facts: Vec<_> = (0..200).map(|n| (oid(n), vec![n; 500])).collect();
    CommitCache::open(&path).store(Table::Files, &facts);
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 20_000, "the pages are in the main file once the last connection closed");
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let cache = CommitCache::open(&path);
    assert!((0..200).all(|n| !holds(&cache, n)));
}

#[test]
fn a_file_of_another_version_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    CommitCache::open(&path).store(Table::Files, &[(oid(1), vec![1])]);
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let cache = CommitCache::open(&path);
    assert!(!holds(&cache, 1));
    cache.store(Table::Files, &[(oid(2), vec![1])]);
    assert!(holds(&cache, 2));
}

#[test]
fn another_programs_database_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("theirs.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE facts (x); INSERT INTO facts VALUES (7)")
        .unwrap();
    let cache = CommitCache::open(&path);
    cache.store(Table::Files, &[(oid(1), vec![1])]);
    assert!(!holds(&cache, 1));
    let x: i64 = Connection::open(&path).unwrap().query_row("SELECT x FROM facts", [], |r| r.get(0)).unwrap();
    assert_eq!(x, 7);
}

#[test]
fn a_cache_without_a_place_is_empty_and_silent() {
    let dir = tempfile::tempdir().unwrap();
    let cache = CommitCache::open(&dir.path().join("no/such/folder/cache.db"));
    cache.store(Table::Files, &[(oid(1), vec![1])]);
    assert!(!holds(&cache, 1));
}

#[test]
fn several_writers_share_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache.db");
    std::thread::scope(|scope| {
        for n in 0..4 {
            let path = &path;
            scope.spawn(move || {
                let cache = CommitCache::open(path);
                for m in 0..20 {
                    cache.store(Table::Files, &[(oid(n * 20 + m), vec![n])]);
                }
            });
        }
    });
    let cache = CommitCache::open(&path);
    assert!((0..80).all(|n| holds(&cache, n)));
}
