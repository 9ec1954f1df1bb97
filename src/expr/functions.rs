//! The functions that rules and manifests may call.
