//! The layouts of the database, one after the other. A released one is never changed; the next change is a new one.
//!
//! Each is applied in a transaction of its own under a lock of the whole database, so that processes may start at once,
//! and has a file that takes it back.

use tokio_postgres::Client;

use crate::database::DatabaseError;

/// A step from one layout to the next, and back.
pub(crate) struct Migration {
    pub(crate) name: &'static str,
    /// It changes the tables of Views, and nothing else.
    is_views: bool,
    up: &'static str,
    down: &'static str,
}

/// Migration `n` leads from layout `n` to layout `n + 1`.
pub(crate) const MIGRATIONS: [Migration; 8] = [
    Migration {
        name: "0001_log",
        is_views: false,
        up: include_str!("../migrations/0001_log.up.sql"),
        down: include_str!("../migrations/0001_log.down.sql"),
    },
    Migration {
        name: "0002_views",
        is_views: true,
        up: include_str!("../migrations/0002_views.up.sql"),
        down: include_str!("../migrations/0002_views.down.sql"),
    },
    Migration {
        name: "0003_control",
        is_views: false,
        up: include_str!("../migrations/0003_control.up.sql"),
        down: include_str!("../migrations/0003_control.down.sql"),
    },
    Migration {
        name: "0004_rates",
        is_views: false,
        up: include_str!("../migrations/0004_rates.up.sql"),
        down: include_str!("../migrations/0004_rates.down.sql"),
    },
    Migration {
        name: "0005_authors",
        is_views: true,
        up: include_str!("../migrations/0005_authors.up.sql"),
        down: include_str!("../migrations/0005_authors.down.sql"),
    },
    Migration {
        name: "0006_exemplars",
        is_views: false,
        up: include_str!("../migrations/0006_exemplars.up.sql"),
        down: include_str!("../migrations/0006_exemplars.down.sql"),
    },
    Migration {
        name: "0007_jobs",
        is_views: false,
        up: include_str!("../migrations/0007_jobs.up.sql"),
        down: include_str!("../migrations/0007_jobs.down.sql"),
    },
    Migration {
        name: "0008_analyses",
        is_views: true,
        up: include_str!("../migrations/0008_analyses.up.sql"),
        down: include_str!("../migrations/0008_analyses.down.sql"),
    },
];

/// The schema of Views that are compared with the kept ones.
pub(crate) const DRAFT: &str = "views_draft";

/// Names the lock that migrations are applied under: "tidegate" in ASCII.
const LOCK: i64 = 0x7469_6465_6761_7465;

const LAYOUTS: &str = "CREATE TABLE IF NOT EXISTS public.tidegate_migrations (
    layout integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";

/// Brings the database to layout `to`, upwards or back.
pub(crate) async fn migrate(client: &mut Client, to: usize) -> Result<(), DatabaseError> {
    loop {
        let tx = client.transaction().await?;
        tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
        tx.batch_execute(LAYOUTS).await?;
        let row =
            tx.query_one("SELECT coalesce(max(layout), 0) FROM public.tidegate_migrations", &[]).await?;
        let found = row.get::<_, i32>(0) as usize;
        if found > MIGRATIONS.len() {
            return Err(DatabaseError::TooNew { found, known: MIGRATIONS.len() });
        }
        if found == to {
            return Ok(tx.commit().await?);
        }
        if found < to {
            let Migration { name, up, .. } = &MIGRATIONS[found];
            tx.batch_execute(up).await?;
            let layout = found as i32 + 1;
            tx.execute(
                "INSERT INTO public.tidegate_migrations (layout, name) VALUES ($1, $2)",
                &[&layout, name],
            )
            .await?;
            tracing::info!(name, "database: migrated");
        } else {
            let Migration { name, down, .. } = &MIGRATIONS[found - 1];
            tx.batch_execute(down).await?;
            tx.execute("DELETE FROM public.tidegate_migrations WHERE layout = $1", &[&(found as i32)])
                .await?;
            tracing::info!(name, "database: a migration was taken back");
        }
        tx.commit().await?;
    }
}

/// Empty tables of Views in the schema [`DRAFT`], in place of those that were there.
pub(crate) async fn make_draft(client: &mut Client) -> Result<(), DatabaseError> {
    let tables = MIGRATIONS.iter().filter(|migration| migration.is_views);
    let tables: Vec<_> = tables.map(|migration| migration.up.replace("views", DRAFT)).collect();
    let tx = client.transaction().await?;
    tx.batch_execute(&format!("DROP SCHEMA IF EXISTS {DRAFT} CASCADE")).await?;
    tx.batch_execute(&tables.join("\n")).await?;
    Ok(tx.commit().await?)
}
