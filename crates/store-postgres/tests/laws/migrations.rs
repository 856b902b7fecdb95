//! Layouts: applied once, by whoever is first, and taken back.

use tidegate_store_postgres::database::{Database, DatabaseError};
use tidegate_testkit::postgres::TestDatabase;

use crate::rig::config;

/// Every table, column, index, trigger and function of our schemas.
async fn layout(test: &TestDatabase) -> Vec<String> {
    let sql = "SELECT 'column ' || c::text FROM (SELECT table_schema, table_name, column_name, data_type, is_nullable
            FROM information_schema.columns WHERE table_schema IN ('log', 'views', 'control', 'rates')) c
        UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname IN ('log', 'views', 'control', 'rates')
        UNION ALL SELECT 'trigger ' || tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p
            JOIN pg_namespace n ON n.oid = p.pronamespace WHERE nspname IN ('log', 'views', 'control', 'rates')
        ORDER BY 1";
    test.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn each_layout_is_applied_taken_back_and_applied_again() {
    let test = TestDatabase::create().await;
    let database = Database::connect(&config(&test.url)).unwrap();
    let mut seen = vec![layout(&test).await];
    for to in 1..=Database::newest_layout() {
        database.migrate(to).await.unwrap();
        seen.push(layout(&test).await);
        assert_ne!(seen[to], seen[to - 1], "migration {to} does something");
    }
    for to in (0..Database::newest_layout()).rev() {
        database.migrate(to).await.unwrap();
        assert_eq!(layout(&test).await, seen[to], "the way back to layout {to}");
    }
    database.migrate(Database::newest_layout()).await.unwrap();
    assert_eq!(layout(&test).await, seen[Database::newest_layout()]);
}

#[tokio::test]
async fn many_processes_may_start_at_once() {
    let test = TestDatabase::create().await;
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let config = config(&test.url);
        starts.spawn(async move { Database::open(&config).await.map(drop) });
    }
    assert!(starts.join_all().await.into_iter().all(|start| start.is_ok()));
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let test = TestDatabase::create().await;
    Database::open(&config(&test.url)).await.unwrap();
    test.execute("INSERT INTO tidegate_migrations (layout, name) VALUES (99, 'later')").await;
    let error = Database::open(&config(&test.url)).await.map(drop).unwrap_err();
    assert!(matches!(error, DatabaseError::TooNew { found: 99, .. }), "{error:?}");
}
