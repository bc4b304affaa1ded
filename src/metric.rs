//! A metric as an input passes it on: name, tags and fields, all borrowed for one call.

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An unsigned counter or size.
    Unsigned(u64),
    /// A signed number.
    Signed(i64),
    /// A string. Invalid UTF-8 is replaced with U+FFFD when the metric is written.
    Text(&'a [u8]),
}

/// One metric. A tag with an empty value is omitted.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a> {
    /// The name of the measurement.
    pub name: &'a str,
    /// Tags, sorted by key.
    pub tags: &'a [(&'a str, &'a [u8])],
    /// Fields, in the order in which they are written.
    pub fields: &'a [(&'a str, Value<'a>)],
}
