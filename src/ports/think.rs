//! Where computing happens that may take long: rhai, parsing. Off the threads that answer webhooks.

/// Runs what computes.
pub trait Think: Send + Sync {
    /// Runs `work` to its end, on bounded threads of its own.
    fn run(&self, work: &mut dyn FnMut());

    /// A new deadline, from now, for one event's or one run's expressions: true once it has passed.
    fn deadline(&self) -> Box<dyn Fn() -> bool>;
}
