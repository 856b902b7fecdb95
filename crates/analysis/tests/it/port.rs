//! The laws of the port, as every threat model obeys them.

mod rules {
    use std::sync::Arc;

    use async_trait::async_trait;
    use tidegate_analysis::RulesModel;
    use tidegate_domain::ports::ThreatModel;
    use tidegate_testkit::threat_model::Fixture;

    struct Rules(Arc<RulesModel>);

    #[async_trait]
    impl Fixture for Rules {
        async fn answering() -> Vec<Self> {
            vec![Self(Arc::new(RulesModel::new().unwrap()))]
        }

        fn model(&self) -> Arc<dyn ThreatModel> {
            self.0.clone()
        }
    }

    tidegate_testkit::threat_model_laws!(Rules);
}

mod mock {
    use std::sync::Arc;

    use async_trait::async_trait;
    use tidegate_analysis::MockModel;
    use tidegate_domain::ports::ThreatModel;
    use tidegate_testkit::threat_model::Fixture;

    struct Mock;

    #[async_trait]
    impl Fixture for Mock {
        async fn answering() -> Vec<Self> {
            vec![Self]
        }

        fn model(&self) -> Arc<dyn ThreatModel> {
            Arc::new(MockModel)
        }
    }

    tidegate_testkit::threat_model_laws!(Mock);
}
