//! Power cuts: at any call, with any of the sectors and names that were not synced lost, and again while recovering.

use tidegate_testkit::world::SeededEntropy;

use crate::checker::Witness;
use crate::every_call::{OLDEST, live};
use crate::faulty_disk::{CALLS, Fault};
use crate::rig::Rig;

const SEEDS: u64 = 250;

async fn survives(seed: u64) {
    let luck = SeededEntropy::new(seed);
    let mut witness = Witness::default();
    let mut rig = Rig::new();
    let retention = seed.is_multiple_of(2).then_some(OLDEST);
    for _ in 0..3 {
        let call = CALLS[luck.below(CALLS.len() as u64) as usize];
        rig.faults.fail(call, "", luck.below(40) as usize, Fault::Death);
        live(&rig, &mut witness, retention).await;
        // The old process ends before its disk is looked at: what it still wanted to write is lost.
        rig.faults.kill();
        rig.stop();
        rig = Rig::on(rig.disk.after_power_loss(&luck), rig.config);
    }
    let log = rig.start();
    witness.check(&*log).await;
    witness.resend_all(&*log).await;
}

#[tokio::test]
async fn any_power_cut_leaves_what_was_acknowledged() {
    for seed in 0..SEEDS {
        // Printed only if the test fails.
        println!("seed {seed}");
        survives(seed).await;
    }
}
