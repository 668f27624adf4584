//! A run that was closed part-way, and whose way back fails or never began: nobody says that there is nothing to do.

use switchover_sandbox::{Fault, FaultRule};

use crate::stand::Stand;

/// Refuses all changes of one zone, or of every zone, after so many.
fn refuse(stand: &Stand, zone: &str, after: u32) {
    stand.sandbox.add_fault(FaultRule {
        method: Some("POST".to_owned()),
        path: Some(format!("/zones/{zone}/dns_records/batch")),
        after,
        times: None,
        fault: Fault::Status { status: 403, applied: false },
    });
}

/// One zone of a swap has landed and the other is refused.
fn half_swapped() -> Stand {
    let stand = Stand::new();
    let org = stand.sandbox.zone_id("gigadb.org").unwrap();
    // The trial batch of the preflight passes.
    refuse(&stand, &org.to_string(), 1);
    stand.run("swap-roles -e live --yes").ends(4);
    stand.sandbox.clear_faults();
    stand
}

#[test]
fn a_way_back_that_fails_leaves_a_pair_that_is_gone_on_with_in_either_direction() {
    for (line, address) in [("--abort -e live", "127.0.1.1"), ("-e live --to sydney", "127.0.2.1")] {
        let stand = half_swapped();
        refuse(&stand, "*", 0);
        let failed = stand.run("swap-roles --abort -e live --yes").ends(4);
        assert!(failed.stderr.contains("was closed part-way"), "{}", failed.transcript());
        let resumed = stand.run("swap-roles --resume --yes").ends(4);
        let words = "`swap-roles --abort` goes back, `swap-roles --to sydney` goes forward";
        assert!(resumed.stderr.contains(words), "{}", resumed.transcript());
        stand.sandbox.clear_faults();
        stand.run(&format!("swap-roles {line} --yes")).ends(0);
        assert_eq!(stand.addresses("gigadb.org", "gigadb.org"), [address], "{line}");
        for line in ["swap-roles --resume --yes", "swap-roles --abort --yes"] {
            let ended = stand.run(line).ends(0);
            assert!(ended.stderr.contains("nothing to do"), "{}", ended.transcript());
        }
    }
}
