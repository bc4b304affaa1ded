//! Types of option values that are not those of TOML: an array of strings, a table of tags.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// An array of strings, with an error that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Strings(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Strings, A::Error> {
                let mut strings = Vec::new();
                while let Some(string) = values.next_element()? {
                    strings.push(string);
                }
                Ok(Strings(strings))
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

/// The table `tags`. Telegraf takes an array of tables too and ignores what is in it; here it has to be empty.
#[derive(Debug, Default)]
pub(super) struct Tags(pub(super) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, tags: A) -> Result<Tags, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(tags)).map(Tags)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut tables: A) -> Result<Tags, A::Error> {
                while let Some(table) = tables.next_element::<BTreeMap<String, IgnoredAny>>()? {
                    if !table.is_empty() {
                        return Err(A::Error::custom(
                            "Telegraf ignores the tags of an array of tables; write one table, as in [inputs.net.tags]",
                        ));
                    }
                }
                Ok(Tags::default())
            }
        }
        deserializer.deserialize_any(Table)
    }
}
