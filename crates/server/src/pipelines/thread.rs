//! A pipeline on a thread of its own, so that its work never delays a request.

use std::thread::JoinHandle;

use tidegate_engine::pipeline::Pipeline;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Added to the thread's niceness: about a third of another thread's share when both want to run.
const NICENESS: i32 = 5;

/// A pipeline that runs; told to stop when this is dropped.
pub struct PipelineThread {
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl PipelineThread {
    /// Starts `pipeline`. What it waits for is served by the runtime of the caller. Errors: there is no thread to have.
    pub fn start(pipeline: Pipeline) -> std::io::Result<Self> {
        let (stop, runtime) = (CancellationToken::new(), Handle::current());
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("pipeline".into()).spawn(move || {
            step_back();
            runtime.block_on(pipeline.run(stopped));
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Lets it finish its batch, and waits for that.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let Some(thread) = self.thread.take() else { return };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("the pipeline panicked");
        }
    }
}

impl Drop for PipelineThread {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Lets the threads that acknowledge go first when the processor is short: the pipeline can catch up, a client waits.
fn step_back() {
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        tracing::debug!(error = %error, "the pipeline keeps its priority");
    }
}
