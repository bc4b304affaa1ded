//! The names of a struct's fields, from its implementation of `Deserialize`.

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// The names of the options that `T` takes, so that they are written down only once: as the fields of `T`.
///
/// `T` has to be a struct with named fields and a derived `Deserialize`, without `#[serde(flatten)]`. For another type
/// there are none.
pub(crate) fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // This always fails, but derived code passes the names on first.
    let (Ok(_) | Err(_)) = T::deserialize(Capture(&mut names));
    names
}

struct Capture<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Capture<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::field_names;

    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Options {
        protocols: Vec<String>,
        #[serde(rename = "netstat_platform")]
        platform: Option<String>,
    }

    #[test]
    fn the_names_are_those_of_the_file() {
        assert_eq!(field_names::<Options>(), ["protocols", "netstat_platform"]);
        assert_eq!(field_names::<Vec<String>>(), [""; 0]);
    }
}
