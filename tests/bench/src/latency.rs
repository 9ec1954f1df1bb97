//! Latencies: gathered in microseconds, told in milliseconds. Written by the load generator and the mock CRM, read by
//! the orchestration.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// 1 µs to 1 h with 3 significant digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("valid bounds")
}

/// Adds one that is given in nanoseconds.
pub fn record(histogram: &mut Histogram<u64>, ns: u64) {
    histogram.saturating_record((ns / 1_000).max(1));
}

/// What is told of a histogram, in ms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

impl Latency {
    /// Of a histogram; all zero where it is empty.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            count: histogram.len(),
            p50_ms: at(0.50),
            p90_ms: at(0.90),
            p99_ms: at(0.99),
            max_ms: histogram.max() as f64 / 1_000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Latency, histogram, record};

    #[test]
    fn nanoseconds_come_out_as_milliseconds() {
        let mut all = histogram();
        for ms in 1..=100 {
            record(&mut all, ms * 1_000_000);
        }
        let told = Latency::of(&all);
        assert_eq!(told.count, 100);
        assert!((told.p50_ms - 50.0).abs() < 0.1, "{told:?}");
        assert!((told.p99_ms - 99.0).abs() < 0.1, "{told:?}");
        assert!((told.max_ms - 100.0).abs() < 0.1, "{told:?}");
    }
}
