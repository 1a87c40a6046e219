//! A thread that serves: its own runtime, its own connections to upstreams. What is begun on it
//! ends on it; nothing is stolen by another.

use std::rc::Rc;
use std::sync::Arc;

use crate::edge::Edge;
use crate::pool::Pool;

/// What one thread has for itself.
pub(crate) struct Worker {
    pub(crate) edge: Arc<Edge>,
    pub(crate) pool: Rc<Pool>,
}

/// Runs tasks on the thread they were made on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
