//! Reads the configuration file and splits it into sections.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, line_at};
use super::error::{ConfigError, one_line, shown};
use super::nearest::nearest;
use super::section::{Known, Section};
use crate::quote::quote;

/// The most bytes of a configuration file. Parsed, it takes up to 80 times as much memory.
const MAX_LENGTH: u64 = 1024 * 1024;

/// Reads a configuration file.
///
/// # Errors
/// When it cannot be read, is too long or is not UTF-8.
pub fn read_file(path: &Path) -> Result<String, ConfigError> {
    let error = |line, message| ConfigError { file: path.display().to_string(), line, message };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_LENGTH + 1).read_to_end(&mut bytes))
        .map_err(|cause| error(None, format!("cannot read the configuration: {cause}")))?;
    if bytes.len() as u64 > MAX_LENGTH {
        let message = format!("the configuration is longer than {} MiB", MAX_LENGTH / 1024 / 1024);
        return Err(error(None, message));
    }
    String::from_utf8(bytes).map_err(|cause| {
        let line = line_at(cause.as_bytes(), cause.utf8_error().valid_up_to());
        error(Some(line), String::from("the configuration is not UTF-8 text"))
    })
}

/// Parses a configuration. `lookup` gives the values of environment variables.
///
/// # Errors
/// The first error in the text.
pub fn parse<'t>(
    file: &str,
    text: &'t str,
    known: &[Known],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Section<'t>>, ConfigError> {
    let document = Document { file: file.to_owned(), text };
    let root = DeTable::parse(text).map_err(|error| {
        let message = format!("not valid TOML: {}", one_line(error.message()));
        document.error(&error.span().unwrap_or_default(), message)
    })?;
    let mut sections = Vec::new();
    for (key, value) in root.into_inner() {
        // Telegraf reads `plugins`, the old name, as `inputs`.
        if !matches!(key.get_ref().as_ref(), "inputs" | "plugins") {
            return Err(unknown_section(&document, &key.span(), key.get_ref()));
        }
        let DeValue::Table(inputs) = value.into_inner() else {
            return Err(document.error(&key.span(), "inputs: expected sections [[inputs.NAME]]"));
        };
        for (name, tables) in inputs {
            let Some(known) = known.iter().find(|known| known.name == name.get_ref()) else {
                return Err(unknown_input(&document, &name.span(), name.get_ref(), known));
            };
            for table in tables_of(&document, known, tables)? {
                sections.push(Section::new(&document, known, table, lookup)?);
            }
        }
    }
    if sections.is_empty() {
        let names: Vec<String> = known.iter().map(|known| format!("[[inputs.{}]]", known.name)).collect();
        let message = format!("no input is configured: add {}", names.join(" or "));
        return Err(ConfigError { file: file.to_owned(), line: None, message });
    }
    // In the order of the file, as Telegraf gathers them.
    sections.sort_by_key(|section| section.line);
    Ok(sections)
}

fn unknown_section(document: &Document<'_>, span: &Range<usize>, name: &str) -> ConfigError {
    let telegraf = ["agent", "global_tags", "outputs", "processors", "aggregators", "secretstores"];
    if telegraf.contains(&name) {
        let message = format!(
            "section {name}: belongs to Telegraf's own configuration; only [[inputs.NAME]] is allowed here"
        );
        return document.error(span, message);
    }
    let hint = nearest(name, ["inputs"].into_iter())
        .map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
    let message = format!("unknown section {}: expected [[inputs.NAME]]{hint}", quote(name.as_bytes()));
    document.error(span, message)
}

fn unknown_input(document: &Document<'_>, span: &Range<usize>, name: &str, known: &[Known]) -> ConfigError {
    let names: Vec<&str> = known.iter().map(|known| known.name).collect();
    let hint = nearest(name, names.iter().copied())
        .map_or_else(String::new, |nearest| format!("; did you mean inputs.{nearest}?"));
    let allowed = names.join(", inputs.");
    document.error(span, format!("unknown input inputs.{}; allowed are inputs.{allowed}{hint}", shown(name)))
}

/// The tables of `[[inputs.x]]`, or the single one of `[inputs.x]`, which Telegraf takes too.
fn tables_of<'t>(
    document: &Document<'_>,
    known: &Known,
    value: Spanned<DeValue<'t>>,
) -> Result<Vec<Spanned<DeValue<'t>>>, ConfigError> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Array(tables) => Ok(tables.into_iter().collect()),
        table @ DeValue::Table(_) => Ok(vec![Spanned::new(span, table)]),
        _ => Err(known.expected(document, &span)),
    }
}
