//! The common view: person and trip, the same names for every source.
