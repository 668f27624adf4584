//! A database that has reached its limit: nothing is lost, nothing is believed that is not there, and it can be read.

use switchover::journal::Seq;
use switchover::port::{Appended, StateError, StateStore as _};
use switchover_tests::contract::state_store::{entry, pair};

use crate::{Cluster, ctl, env, run};

#[test]
fn a_full_database_takes_no_entry_keeps_all_and_goes_on_once_there_is_room() {
    let small = Cluster { endpoints: vec![env("SWITCHOVER_ETCD_SMALL")], user: None, ..Cluster::new() };
    let (of, other) = (pair("gigadb"), pair("other"));
    // Half a megabyte each, in 16 MiB.
    let entry = |seq| entry(seq, &"0123456789abcdef".repeat(16 * 1024));
    run(async {
        let store = small.etcd();
        for seq in 0..4 {
            assert_eq!(store.append_at(&other, Seq(seq), &entry(seq)).await, Ok(Appended::Done));
        }
        let mut done = 0;
        let why = loop {
            match store.append_at(&of, Seq(done), &entry(done)).await {
                Ok(Appended::Done) => done += 1,
                Err(StateError::Full { why, .. }) => break why,
                other => panic!("entry {done}: {other:?}"),
            }
            assert!(done < 100, "it is never full");
        };
        assert!(why.contains("space exceeded") && why.contains("alarm disarm"), "{why}");
        assert!(done > 3, "full after {done} entries");
        let stands = store.read(&of, Seq(0)).await.unwrap().len() as u64;
        assert_eq!(stands, done, "Done and Full tell what stands");
        store.prove().await.expect("a full database can be read, and looked at");

        // Room is made as docs/how-to.md says: something goes, then compact, defragment, disarm.
        ctl(&["small", "del", "--prefix", &format!("{}/other/", small.prefix)]);
        let status = ctl(&["small", "endpoint", "status", "--write-out=fields"]);
        let revision =
            status.lines().find_map(|line| line.strip_prefix("\"Revision\" : ")).expect("a revision");
        ctl(&["small", "compact", revision]);
        ctl(&["small", "defrag"]);
        ctl(&["small", "alarm", "disarm"]);
        assert_eq!(store.append_at(&of, Seq(done), &entry(done)).await, Ok(Appended::Done));
        assert_eq!(store.read(&of, Seq(0)).await.unwrap().len() as u64, done + 1);
    });
}
