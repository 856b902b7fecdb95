//! The rate limiter on PostgreSQL: every law, and what many processes share.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_domain::ports::{Bucket, RateLimiter};
use tidegate_domain::rate::Quota;
use tidegate_store_postgres::database::Database;
use tidegate_store_postgres::rates::PostgresRateLimiter;
use tidegate_testkit::postgres::TestDatabase;
use tidegate_testkit::rate_limiter::Fixture;
use tokio::task::JoinSet;

use crate::rig::{config, database};

struct Postgres {
    test: TestDatabase,
    database: Database,
}

#[async_trait]
impl Fixture for Postgres {
    async fn empty() -> Self {
        let (test, database) = database().await;
        Self { test, database }
    }

    fn limiter(&self) -> Arc<dyn RateLimiter> {
        Arc::new(PostgresRateLimiter::new(self.database.clone()))
    }

    async fn another(&self) -> Arc<dyn RateLimiter> {
        Arc::new(PostgresRateLimiter::new(Database::open(&config(&self.test.url)).await.unwrap()))
    }

    /// What is kept is moved back instead.
    async fn pass_ms(&self, ms: u64) {
        let us = ms * 1000;
        self.test.execute(&format!("UPDATE rates.buckets SET full_at_us = full_at_us - {us}")).await;
    }
}

tidegate_testkit::rate_limiter_laws!(Postgres);

async fn kept(test: &TestDatabase) -> i64 {
    test.client().await.query_one("SELECT count(*) FROM rates.buckets", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_name_buckets_in_any_order_never_wait_for_each_other_for_ever() {
    let fixture = Postgres::empty().await;
    let limiters = [fixture.limiter(), fixture.another().await];
    let mut requests = JoinSet::new();
    for number in 0..400usize {
        let limiter = Arc::clone(&limiters[number % 2]);
        requests.spawn(async move {
            let quota = Quota::per_minute(1, 1000).unwrap();
            let mut names = ["a", "b", "c", "d"].map(|name| format!("{name}{}", number % 7));
            names.rotate_left(number % 4);
            let buckets: Vec<_> = names.iter().map(|name| Bucket { name, quota }).collect();
            limiter.take(&buckets).await.unwrap().is_admitted
        });
    }
    assert!(requests.join_all().await.into_iter().all(|is_admitted| is_admitted));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_buckets_are_forgotten_and_others_kept() {
    let (test, database) = database().await;
    let limiter = PostgresRateLimiter::new(database);
    let bucket = |name| Bucket { name, quota: Quota::per_minute(1, 1).unwrap() };
    for name in ["old", "new"] {
        assert!(limiter.take(&[bucket(name)]).await.unwrap().is_admitted);
    }
    test.execute("UPDATE rates.buckets SET full_at_us = full_at_us - 61000000 WHERE name = 'old'").await;
    assert_eq!((limiter.sweep().await.unwrap(), kept(&test).await), (1, 1));
    assert!(!limiter.take(&[bucket("new")]).await.unwrap().is_admitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_admit_exactly_the_burst_together_every_time() {
    let fixture = Postgres::empty().await;
    let limiters = [fixture.limiter(), fixture.another().await];
    for round in 0..40 {
        let mut requests = JoinSet::new();
        for number in 0..8usize {
            let limiter = Arc::clone(&limiters[number % 2]);
            requests.spawn(async move {
                let bucket = Bucket { name: &round.to_string(), quota: Quota::per_minute(1, 2).unwrap() };
                limiter.take(&[bucket]).await.unwrap().is_admitted
            });
        }
        let admitted = requests.join_all().await.into_iter().filter(|is_admitted| *is_admitted).count();
        assert_eq!(admitted, 2, "round {round}");
    }
}
