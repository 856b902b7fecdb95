//! The laws of the port, and the model, in memory and on a real directory.

use proptest::prelude::*;
use tidegate_testkit::event_log::{follows_the_model, steps};

use crate::rig::Rig;

mod in_memory {
    use super::Rig;

    tidegate_testkit::event_log_laws!(Rig::new);
}

mod on_a_real_disk {
    use super::Rig;

    tidegate_testkit::event_log_laws!(Rig::real);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_a_log_follows_the_model(life in steps(60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(follows_the_model(&Rig::new(), life));
    }
}
