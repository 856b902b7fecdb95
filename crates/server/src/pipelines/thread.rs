//! Work on a thread of its own, so that it never delays a request.

use std::thread::JoinHandle;

use tidegate_engine::pipeline::Pipeline;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Added to the thread's niceness: about a third of another thread's share when both want to run.
const NICENESS: i32 = 5;

/// Work that runs on a thread; told to stop when this is dropped.
pub struct Background {
    name: &'static str,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts `pipeline`. Errors: there is no thread to have.
    pub fn pipeline(pipeline: Pipeline) -> std::io::Result<Self> {
        Self::start("pipeline", NICENESS, |stop| pipeline.run(stop))
    }

    /// Starts `work`, which ends soon after its token is cancelled. What it waits for is served by the runtime of the
    /// caller; what it computes is done on the thread. Errors: there is no thread to have.
    pub fn start<W>(
        name: &'static str,
        niceness: i32,
        work: impl FnOnce(CancellationToken) -> W + Send + 'static,
    ) -> std::io::Result<Self>
    where
        W: Future<Output = ()>,
    {
        let (stop, runtime) = (CancellationToken::new(), Handle::current());
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            step_back(niceness);
            runtime.block_on(work(stopped));
        })?;
        Ok(Self { name, stop, thread: Some(thread) })
    }

    /// Lets it finish what is at hand, and waits for that.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!(thread = self.name, "it panicked");
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Lets the threads that acknowledge go first when the processor is short: this work can catch up, a client waits.
fn step_back(niceness: i32) {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), niceness) {
        tracing::debug!(error = %error, "a thread keeps its priority");
    }
}
