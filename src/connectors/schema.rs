//! What a connector knows of its payloads' paths, in its own words.

use crate::expr::Path;

/// A tree of known paths: objects with their fields, lists with their item, leaves; `open` objects take any key.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    // private
}

/// What is known of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is known, or beyond an open object, an index by expression, or a `["key"]`.
    Yes,
    /// Unknown; the segment (index into `Path::segments`), and a near match for it.
    No {
        /// Index of the unknown segment.
        segment: usize,
        /// A known name that is near.
        near: Option<String>,
    },
}

impl Schema {
    /// Checks a path that starts at the record (`booking.…`, without the root).
    pub fn check(&self, _path: &Path) -> Known {
        todo!()
    }

    /// The schema of one child (`customer` within `customers`).
    pub fn child(&self, _list: &str) -> Option<Schema> {
        todo!()
    }

    /// The same with a source's `extra_fields:` (dotted paths; `[]` for items of lists).
    #[must_use]
    pub fn with_extra(&self, _paths: &[String]) -> Schema {
        todo!()
    }
}
