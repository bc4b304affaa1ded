//! A metric as an input passes it on: a name, tags and fields, all borrowed for one call.

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An unsigned counter or size.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A string; bytes that are not UTF-8 are replaced by U+FFFD when the metric is written.
    Text(&'a [u8]),
}

/// A metric. A tag with an empty value counts as absent.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a> {
    /// The measurement's name.
    pub name: &'a str,
    /// Tags, sorted by key.
    pub tags: &'a [(&'a str, &'a [u8])],
    /// Fields, in the order in which they are to be written.
    pub fields: &'a [(&'a str, Value<'a>)],
}
